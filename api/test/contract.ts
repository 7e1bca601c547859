import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { openApiDocument } from '../openapi/document.ts';

/** An answer as it leaves the server; header names in lower case. */
export type Answer = {
  method: string;
  /** As asked for, query included. */
  url: string;
  status: number;
  headers: Record<string, string>;
  body: string;
};

type Documented = {
  content?: Record<string, unknown>;
  headers?: Record<string, { required?: boolean; schema: { pattern?: string } }>;
};

// biome-ignore lint/suspicious/noExplicitAny: the document is JSON, walked by keys that a test may find missing
const document: any = openApiDocument();
const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(document, 'openapi.json');
const compiled = new Map<string, ValidateFunction>();

/** What is no part of the contract: pages and their files, and Bull Board. Their problems have its form all the same. */
const PAGES = /^\/($|queues(\/|$)|docs\/|log(in|out)(\.css)?$|assets\/|favicon\.ico$)/;
/** Every answer may have these: of HTTP, of helmet, of CORS, of limits. */
const EVERYWHERE =
  /^(date|connection|keep-alive|content-(length|type|security-policy)|transfer-encoding|vary|cross-origin-.+|origin-agent-cluster|referrer-policy|x-content-type-options|x-dns-prefetch-control|x-download-options|x-frame-options|x-permitted-cross-domain-policies|x-xss-protection|access-control-.+|ratelimit(-policy)?)$/;
/** Before the method or the path is looked at. */
const BEFORE_ALL = new Set([400, 401, 403, 421, 429, 500, 503]);

function matches(path: string[], value: unknown): string[] {
  const ref = `openapi.json#/${path.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
  let check = compiled.get(ref);
  if (!check) {
    check = ajv.compile({ $ref: ref });
    compiled.set(ref, check);
  }
  return check(value) ? [] : (check.errors ?? []).map((error) => `body${error.instancePath} ${error.message}`);
}

function templateOf(asked: string): string | undefined {
  const templates = Object.keys(document.paths);
  // Express takes a slash at the end and capitals for the same path.
  const path = asked.replace(/(?<=.)\/$/, '').toLowerCase();
  if (templates.includes(path)) return path;
  return templates.find((template) => new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(path));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** What every problem must hold, wherever it comes from. */
function faultsOfProblem({ url, status, headers, body }: Answer): string[] {
  const problem = parsed(body) as Record<string, unknown> | undefined; // a form is what the next line finds out
  const faults = matches(['components', 'schemas', 'Problem'], problem);
  if (faults.length > 0 || !problem) return faults;
  if (problem.status !== status) faults.push(`the problem's status is ${problem.status}`);
  if (problem.instance !== url.split('?', 1)[0]) faults.push(`the problem's instance is ${problem.instance}`);
  if (problem.request_id !== headers['x-request-id']) faults.push('the problem has another request_id');
  return faults;
}

function faultsOfHeaders(headers: Record<string, string>, documented: Documented['headers'] = {}): string[] {
  const faults: string[] = [];
  const known = new Map(Object.entries(documented).map(([name, told]) => [name.toLowerCase(), told]));
  for (const [name, { required, schema }] of known) {
    const value = headers[name];
    if (value === undefined && required) faults.push(`the header ${name} is missing`);
    if (value !== undefined && !new RegExp(schema.pattern ?? '').test(value))
      faults.push(`the header ${name} is ${value}`);
  }
  for (const name of Object.keys(headers)) {
    if (!known.has(name) && !EVERYWHERE.test(name)) faults.push(`the header ${name} is not documented`);
  }
  return faults;
}

/** Events of a stream: whole blocks, each with an id of the right form, its alert and its name. */
function faultsOfEvents(text: string): string[] {
  return text.split('\n\n').flatMap((block) => {
    const event = /^event: (.*)$/m.exec(block)?.[1];
    if (event === undefined || event === 'reset') return [];
    const alert = parsed(/^data: (.*)$/m.exec(block)?.[1] ?? '') as { status?: unknown } | undefined; // as above
    const faults = matches(['components', 'schemas', 'Alert'], alert);
    if (event !== `alert.${alert?.status}`) faults.push(`the event ${event} is of an alert that is ${alert?.status}`);
    if (!/^id: \d+\.\d+$/m.test(block)) faults.push('the event has no id');
    return faults;
  });
}

/** Where an answer departs from the OpenAPI document. */
export function faultsOf(answer: Answer): string[] {
  const { method, status, headers, body } = answer;
  const path = answer.url.split('?', 1)[0] ?? '';
  const type = headers['content-type']?.split(';', 1)[0];
  const bare = method === 'HEAD';
  const problem = type === 'application/problem+json' && !bare ? faultsOfProblem(answer) : [];
  if (PAGES.test(path)) return status >= 500 ? [...problem, `status ${status}`] : problem;
  const template = templateOf(path);
  if (template === undefined)
    return status === 404 || BEFORE_ALL.has(status) ? problem : [`status ${status} of no path`];
  const item = document.paths[template];
  const verb = bare ? 'get' : method.toLowerCase();
  if (!item[verb] && !BEFORE_ALL.has(status)) return [...problem, ...faultsOfMethod(answer, Object.keys(item))];
  if (!item[verb]) return problem;
  const documented: Documented | undefined = item[verb].responses[status];
  if (!documented) return [`status ${status} is not documented`];
  const faults = [...problem, ...faultsOfHeaders(headers, documented.headers)];
  const types = Object.keys(documented.content ?? {});
  if (type === undefined ? types.length > 0 : !types.includes(type)) return [...faults, `content type ${type}`];
  if (bare || type === undefined) return body === '' ? faults : [...faults, 'has a body'];
  if (type === 'text/event-stream') return [...faults, ...faultsOfEvents(body)];
  const value = type.endsWith('json') ? parsed(body) : body;
  return [
    ...faults,
    ...matches(['paths', template, verb, 'responses', String(status), 'content', type, 'schema'], value),
  ];
}

function faultsOfMethod({ method, status, headers }: Answer, verbs: string[]): string[] {
  // A browser's question whether another origin may ask: CORS answers with headers of its own.
  if (method === 'OPTIONS' && headers['access-control-allow-methods'] !== undefined) return [];
  const allowed = verbs.map((verb) => verb.toUpperCase());
  if (allowed.includes('GET')) allowed.push('HEAD');
  const told = headers.allow?.split(', ') ?? [];
  const faults = told.sort().join() === allowed.sort().join() ? [] : [`Allow is ${headers.allow}`];
  return status === (method === 'OPTIONS' ? 204 : 405) ? faults : [...faults, `status ${status}`];
}

/** Serves as before, and holds each answer against the document before it leaves. */
export function watched(app: RequestListener, onFault: (fault: string) => void): RequestListener {
  return (req, res) => {
    watch(req, res, onFault);
    app(req, res);
  };
}

function watch(req: IncomingMessage, res: ServerResponse, onFault: (fault: string) => void): void {
  const { method = '', url = '' } = req;
  const chunks: Buffer[] = [];
  const keep = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string));
  };
  const check = () => {
    const headers = Object.entries(res.getHeaders()).map(([name, value]) => [name, String(value)]);
    const answer = { method, url, status: res.statusCode, headers: Object.fromEntries(headers) };
    for (const fault of faultsOf({ ...answer, body: Buffer.concat(chunks).toString() })) {
      onFault(`${method} ${url} ${res.statusCode}: ${fault}`);
    }
  };
  const { write, end } = res;
  Object.assign(res, {
    write(...args: unknown[]) {
      keep(args[0]);
      // A stream is checked as it goes: whoever reads it ends it, and then nothing is sent any more.
      if (String(res.getHeader('content-type')).startsWith('text/event-stream')) {
        check();
        chunks.length = 0;
      }
      return Reflect.apply(write, res, args);
    },
    end(...args: unknown[]) {
      keep(args[0]);
      check();
      return Reflect.apply(end, res, args);
    },
  });
}
