import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DELIVERY_ID } from '../openapi/destination-examples.ts';
import { openApiDocument } from '../openapi/document.ts';
import { UUID } from '../openapi/examples.ts';
import { KEY_ID } from '../openapi/key-paths.ts';
import { contractErrors } from './contract.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

// biome-ignore lint/suspicious/noExplicitAny: the document is JSON, and a key may be missing
type AnyObject = any;

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

describe('/openapi.json', () => {
  it('is OpenAPI 3.1, generated from the schemas that validate the requests', async () => {
    const document = await json(await fetch(`${api.url}/openapi.json`));
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/alerts',
        '/alerts/events',
        '/alerts/batch',
        '/alerts/{uuid}',
        '/alerts/{uuid}/retry',
        '/readyz',
        '/metrics',
      ]),
    );
    const { NewAlert } = document.components.schemas;
    expect(NewAlert).toMatchObject({ additionalProperties: false, required: ['uuid', 'video', 'timestamp', 'store'] });
    expect(NewAlert.properties.store).toMatchObject({ type: 'string', minLength: 1, maxLength: 128 });
  });

  it('has an example alert that the API accepts', async () => {
    const document = await json(await fetch(`${api.url}/openapi.json`));
    expect((await api.post(document.components.schemas.NewAlert.example)).status).toBe(202);
  });

  it('has an example for each status of each operation, which matches its schema', async () => {
    const statuses = new Set<string>();
    for (const { method, template, status, type, examples } of documentedBodies()) {
      const label = `${method} ${template} ${status}`;
      expect(examples.length, label).toBeGreaterThan(0);
      for (const value of examples) {
        const url = template.replace('{uuid}', UUID).replace('{id}', DELIVERY_ID).replace('{name}', 'unknown');
        const body = type.endsWith('json') ? JSON.stringify(value) : value;
        const response = { method, url, status: Number(status), headers: { 'content-type': type }, body };
        // An example has a body only.
        const errors = contractErrors(response).filter((error) => !/^the header|request_id/.test(error));
        expect(errors, `${label} ${body}`).toEqual([]);
        statuses.add(status);
      }
    }
    expect(statuses).toEqual(
      new Set([
        '200',
        '201',
        '202',
        '206',
        '400',
        '401',
        '403',
        '404',
        '409',
        '410',
        '412',
        '413',
        '415',
        '416',
        '421',
        '422',
        '429',
        '500',
        '503',
      ]),
    );
  });

  it('has an example for each request body, which the API accepts', async () => {
    const document = await json(await fetch(`${api.url}/openapi.json`));
    const bodies = Object.entries<AnyObject>(document.paths).flatMap(([path, { post }]) =>
      Object.values<AnyObject>(post?.requestBody?.content['application/json'].examples ?? {}).map(({ value }) => ({
        path,
        value,
      })),
    );
    expect(new Set(bodies.map(({ path }) => path))).toEqual(
      new Set([
        '/alerts',
        '/alerts/batch',
        '/alerts/retry',
        '/alerts/triage',
        '/alerts/{uuid}/comments',
        '/alerts/{uuid}/links',
        '/destinations',
        '/deliveries/retry',
        '/keys',
        '/keys/{id}/rotate',
        '/mutes',
        '/retention/preview',
      ]),
    );
    await api.db.apiKey.create({ data: { id: KEY_ID, name: 'x', sha256: new Uint8Array(32), scopes: [], stores: [] } });
    for (const { path, value } of bodies) {
      const response = await fetch(`${api.url}${path.replace('{uuid}', UUID).replace('{id}', KEY_ID)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(value),
      });
      expect(response.status, path).toBeLessThan(300);
    }
  });

  function documentedBodies() {
    return Object.entries<AnyObject>(openApiDocument().paths ?? {}).flatMap(([template, item]) =>
      Object.entries<AnyObject>(item).flatMap(([verb, { responses }]) =>
        Object.entries<AnyObject>(responses).flatMap(([status, { content = {} }]) =>
          Object.entries<AnyObject>(content).map(([type, { examples = {} }]) => ({
            method: verb.toUpperCase(),
            template,
            status,
            type,
            examples: Object.values<AnyObject>(examples).map(({ value }) => value),
          })),
        ),
      ),
    );
  }
});

describe('/queues', () => {
  it('shows Bull Board, which loads everything from this server', async () => {
    const page = await fetch(`${api.url}/queues`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('Bull Dashboard');
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'self'/);
    expect(page.headers.get('x-powered-by')).toBeNull();
  });

  it('counts the jobs of the queue', async () => {
    const before = await waitingJobs();
    await api.post(newAlert());
    expect(await waitingJobs()).toBe(before + 1);
  });

  async function waitingJobs(): Promise<number> {
    const { queues } = await json(await fetch(`${api.url}/queues/api/queues`));
    expect(queues).toMatchObject([{ name: 'alerts' }, { name: 'deliveries' }]);
    const { waiting, prioritized } = queues[0].counts;
    return waiting + prioritized;
  }
});
