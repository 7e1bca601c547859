import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { openApiDocument } from '../openapi/document.ts';

/** A response as the server sends it, with header names in lower case. */
export type RecordedResponse = {
  method: string;
  /** The path with the query. */
  url: string;
  status: number;
  headers: Record<string, string>;
  body: string;
};

type Documented = {
  content?: Record<string, unknown>;
  headers?: Record<string, { required?: boolean; schema: { pattern?: string } }>;
};

// biome-ignore lint/suspicious/noExplicitAny: the document is JSON, and a key may be missing
const document: any = openApiDocument();
// Without a check of the whole document as if it were one schema, which takes 100 ms.
const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
formats.default(ajv);
ajv.addSchema(document, 'openapi.json');
const compiled = new Map<string, ValidateFunction>();

/** Not part of the contract: pages, their files and Bull Board. Their problems are checked. */
const PAGES = /^\/($|queues(\/|$)|docs\/|log(in|out)(\.css)?$|assets\/|favicon\.ico$)/;
/** Headers of HTTP, helmet, CORS and rate limits, which every response may have. */
const COMMON_HEADERS =
  /^(date|connection|keep-alive|content-(length|type|security-policy)|transfer-encoding|vary|cross-origin-.+|origin-agent-cluster|referrer-policy|x-content-type-options|x-dns-prefetch-control|x-download-options|x-frame-options|x-accel-(redirect|cache-control|content-disposition)|x-permitted-cross-domain-policies|x-xss-protection|access-control-.+|ratelimit(-policy)?)$/;
/** Sent before the api looks at the method or the path. */
const BEFORE_ROUTING = new Set([400, 401, 403, 421, 429, 500, 503]);

function schemaErrors(path: string[], value: unknown): string[] {
  const ref = `openapi.json#/${path.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
  let check = compiled.get(ref);
  if (!check) {
    check = ajv.compile({ $ref: ref });
    compiled.set(ref, check);
  }
  return check(value) ? [] : (check.errors ?? []).map((error) => `body${error.instancePath} ${error.message}`);
}

function templateOf(requested: string): string | undefined {
  const templates = Object.keys(document.paths);
  // Express ignores case and a trailing slash.
  const path = requested.replace(/(?<=.)\/$/, '').toLowerCase();
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

/** Checks what all problems have in common. */
function problemErrors({ url, status, headers, body }: RecordedResponse): string[] {
  const problem = parsed(body) as Record<string, unknown> | undefined; // the next line checks its form
  const errors = schemaErrors(['components', 'schemas', 'Problem'], problem);
  if (errors.length > 0 || !problem) return errors;
  if (problem.status !== status) errors.push(`the problem's status is ${problem.status}`);
  if (problem.instance !== url.split('?', 1)[0]) errors.push(`the problem's instance is ${problem.instance}`);
  if (problem.request_id !== headers['x-request-id']) errors.push('the problem has another request_id');
  return errors;
}

function headerErrors(headers: Record<string, string>, documented: Documented['headers'] = {}): string[] {
  const errors: string[] = [];
  const known = new Map(Object.entries(documented).map(([name, header]) => [name.toLowerCase(), header]));
  for (const [name, { required, schema }] of known) {
    const value = headers[name];
    if (value === undefined && required) errors.push(`the header ${name} is missing`);
    if (value !== undefined && !new RegExp(schema.pattern ?? '').test(value))
      errors.push(`the header ${name} is ${value}`);
  }
  for (const name of Object.keys(headers)) {
    if (!known.has(name) && !COMMON_HEADERS.test(name)) errors.push(`the header ${name} is not documented`);
  }
  return errors;
}

/** Checks that each event of a stream has an id, an alert, and the name of the alert's status. */
function eventErrors(text: string): string[] {
  return text.split('\n\n').flatMap((block) => {
    const event = /^event: (.*)$/m.exec(block)?.[1];
    if (event === undefined || event === 'reset' || event === 'ping') return [];
    const alert = parsed(/^data: (.*)$/m.exec(block)?.[1] ?? '') as { status?: unknown } | undefined; // the next line checks its form
    const errors = schemaErrors(['components', 'schemas', 'Alert'], alert);
    if (event !== `alert.${alert?.status}`) errors.push(`the event ${event} is of an alert that is ${alert?.status}`);
    if (!/^id: \d+\.\d+$/m.test(block)) errors.push('the event has no id');
    return errors;
  });
}

/** Returns how a response differs from the OpenAPI document. */
export function contractErrors(response: RecordedResponse): string[] {
  const { method, status, headers, body } = response;
  const path = response.url.split('?', 1)[0] ?? '';
  const type = headers['content-type']?.split(';', 1)[0];
  const headOnly = method === 'HEAD';
  const problem = type === 'application/problem+json' && !headOnly ? problemErrors(response) : [];
  if (PAGES.test(path)) return status >= 500 ? [...problem, `status ${status}`] : problem;
  const template = templateOf(path);
  if (template === undefined)
    return status === 404 || BEFORE_ROUTING.has(status) ? problem : [`status ${status} of no path`];
  const item = document.paths[template];
  const verb = headOnly ? 'get' : method.toLowerCase();
  if (!item[verb] && !BEFORE_ROUTING.has(status)) return [...problem, ...methodErrors(response, Object.keys(item))];
  if (!item[verb]) return problem;
  const documented: Documented | undefined = item[verb].responses[status];
  if (!documented) return [`status ${status} is not documented`];
  const errors = [...problem, ...headerErrors(headers, documented.headers)];
  const types = Object.keys(documented.content ?? {});
  if (type === undefined ? types.length > 0 : !types.includes(type)) return [...errors, `content type ${type}`];
  if (headOnly || type === undefined) return body === '' ? errors : [...errors, 'has a body'];
  if (type === 'text/event-stream') return [...errors, ...eventErrors(body)];
  const value = type.endsWith('json') ? parsed(body) : body;
  return [
    ...errors,
    ...schemaErrors(['paths', template, verb, 'responses', String(status), 'content', type, 'schema'], value),
  ];
}

function methodErrors({ method, status, headers }: RecordedResponse, verbs: string[]): string[] {
  // A CORS preflight request has its own response headers.
  if (method === 'OPTIONS' && headers['access-control-allow-methods'] !== undefined) return [];
  const allowed = verbs.map((verb) => verb.toUpperCase());
  if (allowed.includes('GET')) allowed.push('HEAD');
  const actual = headers.allow?.split(', ') ?? [];
  const errors = actual.sort().join() === allowed.sort().join() ? [] : [`Allow is ${headers.allow}`];
  return status === (method === 'OPTIONS' ? 204 : 405) ? errors : [...errors, `status ${status}`];
}

/** Returns a listener that also compares each response with the document. */
export function withContractCheck(app: RequestListener, onError: (error: string) => void): RequestListener {
  return (req, res) => {
    checkResponse(req, res, onError);
    app(req, res);
  };
}

function checkResponse(req: IncomingMessage, res: ServerResponse, onError: (error: string) => void): void {
  const { method = '', url = '' } = req;
  const chunks: Buffer[] = [];
  const record = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string));
  };
  const check = () => {
    const headers = Object.entries(res.getHeaders()).map(([name, value]) => [name, String(value)]);
    const response = { method, url, status: res.statusCode, headers: Object.fromEntries(headers) };
    for (const error of contractErrors({ ...response, body: Buffer.concat(chunks).toString() })) {
      onError(`${method} ${url} ${res.statusCode}: ${error}`);
    }
  };
  const { write, end } = res;
  Object.assign(res, {
    write(...args: unknown[]) {
      record(args[0]);
      // A stream is checked after each write: the client closes it, so that `end` is not called.
      if (String(res.getHeader('content-type')).startsWith('text/event-stream')) {
        check();
        chunks.length = 0;
      }
      return Reflect.apply(write, res, args);
    },
    end(...args: unknown[]) {
      record(args[0]);
      check();
      return Reflect.apply(end, res, args);
    },
  });
}
