import { describe, expect, it } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { newAlertSchema } from '../../alerts/schema.ts';
import { PROBLEMS } from '../../http/problem.ts';
import { openApiDocument } from '../document.ts';

// The examples are consistent with each other. That each one matches its schema is tested in api/test/docs.test.ts.

// biome-ignore lint/suspicious/noExplicitAny: the document is JSON, whose examples have different types
type Any = any;

const document: Any = openApiDocument();

type Example = { operation: string; status: string; name: string; value: Any };

const operations = Object.entries<Any>(document.paths).flatMap(([path, item]) =>
  Object.entries<Any>(item).map(([verb, operation]) => ({ name: `${verb.toUpperCase()} ${path}`, path, operation })),
);

const responses: Example[] = operations.flatMap(({ name: operationName, operation }) =>
  Object.entries<Any>(operation.responses).flatMap(([status, { content = {} }]) =>
    Object.values<Any>(content).flatMap(({ examples }) =>
      Object.entries<Any>(examples).map(([name, { value }]) => ({ operation: operationName, status, name, value })),
    ),
  ),
);

function response(operation: string, status: number, name: string): Any {
  const found = responses.find((one) => one.operation === operation && one.status === `${status}` && one.name === name);
  if (!found) throw new Error(`no example ${name} of ${operation} ${status}`);
  return found.value;
}

function request(path: string, name: string): Any {
  return document.paths[path].post.requestBody.content['application/json'].examples[name].value;
}

/** Returns every alert in a value, at any depth; also those in an event stream. */
function alertsIn(value: unknown): Any[] {
  if (typeof value === 'string') {
    return [...value.matchAll(/^data: (.*)$/gm)].flatMap(([, json = '']) => alertsIn(JSON.parse(json)));
  }
  if (typeof value !== 'object' || value === null) return [];
  return 'received_at' in value && 'uuid' in value ? [value] : Object.values(value).flatMap(alertsIn);
}

const alerts = responses.flatMap(({ operation, status, name, value }) =>
  alertsIn(value).map((alert) => ({ of: `${operation} ${status} ${name}`, alert })),
);
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

describe('every alert in an example', () => {
  it('is found in all operations that return alerts', () => {
    expect(alerts.length).toBeGreaterThanOrEqual(10);
  });

  it.each(alerts)('has the fields that belong to its status: $of', ({ alert }) => {
    const final = alert.status === 'processed' || alert.status === 'failed';
    expect(alert.processed_at !== null).toBe(final);
    expect(alert.failure !== null).toBe(alert.status === 'failed');
    expect(alert.resolution).toBe(alert.status === 'processed' ? `${alert.width}x${alert.height}` : null);
    for (const field of ['width', 'height', 'rotation', 'codec', 'container', 'duration']) {
      expect(alert[field] !== null, field).toBe(alert.status === 'processed');
    }
    expect(alert.started_at !== null).toBe(alert.attempts > 0);
    if (!final) expect(alert.notified_at).toBeNull();
    if (alert.status === 'processed') expect(alert.bytes_fetched).toBeGreaterThan(0);
  });

  it.each(alerts)('has its times in order, and links to itself: $of', ({ alert }) => {
    const times = [alert.timestamp * 1_000, alert.received_at, alert.started_at, alert.processed_at, alert.notified_at];
    const known = times.filter((time) => time !== null).map((time) => new Date(time).getTime());
    expect(known).toEqual(known.toSorted((a, b) => a - b));
    expect(alert.links.self).toBe(`/alerts/${alert.uuid}`);
  });
});

describe('the examples of an operation', () => {
  it('POST /alerts: the responses are about the alert of the request', () => {
    const sent = request('/alerts', 'alert');
    const accepted = response('POST /alerts', 202, 'accepted');
    expect(accepted).toMatchObject({ ...sent, status: 'pending', attempts: 0 });
    expect(response('POST /alerts', 200, 'replayed')).toMatchObject(sent);
    const conflict = response('POST /alerts', 409, 'alert-conflict');
    expect(conflict.existing).toBe(accepted.links.self);
    for (const field of conflict.fields) expect(Object.keys(sent)).toContain(field);
  });

  it('GET /alerts: a page has each alert once, newest first, and its cursor is that of the last one', () => {
    const { data, next_cursor } = response('GET /alerts', 200, 'page');
    const received = data.map((alert: Any) => Date.parse(alert.received_at));
    expect(new Set(data.map((alert: Any) => alert.uuid)).size).toBe(data.length);
    expect(received).toEqual(received.toSorted((a: number, b: number) => b - a));
    expect(Buffer.from(next_cursor, 'base64url').toString()).toMatch(new RegExp(`^${received.at(-1)}\\.\\d+$`));
  });

  it('POST /alerts/batch: each alert of the request has its result', () => {
    const { alerts } = request('/alerts/batch', 'batch');
    const { results } = response('POST /alerts/batch', 200, 'mixed');
    expect(results.map(({ index }: Any) => index)).toEqual(alerts.map((_: unknown, index: number) => index));
    for (const { index, uuid, status, dispatch, state, problem } of results) {
      const valid = newAlertSchema.safeParse(alerts[index]).success;
      expect(uuid).toBe(alerts[index].uuid);
      expect(status >= 400).toBe(!valid);
      expect([dispatch !== undefined, state !== undefined]).toEqual([status === 202, status === 200]);
      expect(problem?.status).toBe(valid ? undefined : status);
    }
  });

  it('POST /alerts/retry: the counts fit together, and a dry run retries nothing', () => {
    const { max } = request('/alerts/retry', 'retry');
    const dryRun = response('POST /alerts/retry', 200, 'dry_run');
    const retried = response('POST /alerts/retry', 202, 'retried');
    expect(dryRun).toMatchObject({ dry_run: true, retried: 0 });
    expect(retried).toMatchObject({ dry_run: false, retried: retried.selected });
    for (const { matched, selected, sample } of [dryRun, retried]) {
      expect(selected).toBe(Math.min(matched, max));
      expect(new Set(sample).size).toBe(Math.min(selected, 10));
    }
  });

  it('POST /alerts/{uuid}/retry: the alert is pending again, and one that has not failed is rejected', () => {
    expect(response('POST /alerts/{uuid}/retry', 202, 'retried')).toMatchObject({ status: 'pending', failure: null });
    expect(response('POST /alerts/{uuid}/retry', 409, 'not-retryable').status_now).not.toBe('failed');
  });

  it('GET /alerts/statistics: the parts add up to the totals, for each of 60 minutes', () => {
    const { counted, counts, failures, minutes } = response('GET /alerts/statistics', 200, 'statistics');
    expect(sum(Object.values(counts))).toBe(counted);
    expect(sum(failures.map(({ count }: Any) => count))).toBe(counts.failed);
    for (const { count, stores } of failures) expect(sum(stores.map((store: Any) => store.count))).toBe(count);
    expect(minutes).toHaveLength(60);
    for (const [n, { at, received, processed, failed, p50_ms, p95_ms }] of minutes.entries()) {
      expect(Date.parse(at)).toBe(Date.parse(minutes[0].at) + n * 60_000);
      expect(received).toBeGreaterThanOrEqual(processed + failed);
      expect([p50_ms === null, p95_ms === null]).toEqual(Array(2).fill(processed + failed === 0));
      if (p50_ms !== null) expect(p95_ms).toBeGreaterThanOrEqual(p50_ms);
    }
  });

  it('GET /alerts/{uuid}/timeline: its steps are those of the processed alert, its waits add up to the total', () => {
    const { uuid, steps, total_ms, waiting } = response('GET /alerts/{uuid}/timeline', 200, 'timeline');
    const alert = response('GET /alerts/{uuid}', 200, 'processed');
    const at = Object.fromEntries(steps.map((step: Any) => [step.step, step.at]));
    expect([uuid, at.received, at.claimed, at.probed, at.notified, waiting]).toEqual([
      alert.uuid,
      alert.received_at,
      alert.started_at,
      alert.processed_at,
      alert.notified_at,
      null,
    ]);
    expect(sum(steps.map(({ wait_ms }: Any) => wait_ms ?? 0))).toBe(total_ms);
  });
});

describe('every problem in an example', () => {
  it.each(operations)('$name: has its status, its kind and its path', ({ name, path }) => {
    for (const { status, name: kind, value } of responses.filter((one) => one.operation === name)) {
      if (Number(status) < 400) continue;
      const [kindStatus, title] = PROBLEMS[kind as keyof typeof PROBLEMS]; // the name of a problem's example
      expect(value).toMatchObject({ type: `/problems/${kind}`, status: kindStatus, title });
      expect(value.status).toBe(Number(status));
      expect(value.instance).toMatch(new RegExp(`^${path.replace(/\{\w+\}/, '[\\w-]+')}$`));
      if (path === '/problems/{name}') expect(PROBLEMS).not.toHaveProperty(value.instance.split('/')[2]);
    }
  });

  it.each(operations.filter(({ operation }) => operation.responses[422]))(
    '$name: a validation problem names a field of this operation',
    ({ name, operation }) => {
      const schema = operation.requestBody?.content['application/json'].schema.$ref?.split('/').at(-1);
      const fields = schema
        ? Object.keys(document.components.schemas[schema].properties)
        : operation.parameters.map((parameter: Any) => parameter.name);
      const { errors } = response(name, 422, 'validation');
      for (const { pointer } of errors) expect(fields).toContain(pointer.split('/')[1]);
    },
  );
});

describe('the document', () => {
  it('has the version of the package', () => {
    expect(document.info.version).toBe(packageJson.version);
  });

  it('describes each `limit` of a query as an integer with its range', () => {
    const limits = operations
      .flatMap(({ operation }) => operation.parameters ?? [])
      .filter(({ name }: Any) => name === 'limit');
    expect(limits.length).toBeGreaterThanOrEqual(2);
    for (const { schema } of limits) {
      expect(schema).toEqual({ type: 'integer', minimum: 1, maximum: 200, default: expect.any(Number) });
    }
  });
});
