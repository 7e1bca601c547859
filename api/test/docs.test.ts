import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiDocument } from '../openapi/document.ts';
import { UUID } from '../openapi/examples.ts';
import { faultsOf } from './contract.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

// biome-ignore lint/suspicious/noExplicitAny: the document is JSON, walked by keys that a test may find missing
type AnyObject = any;
const answerTo = (verb: string, url: string, status: number) => ({ method: verb.toUpperCase(), url, status });

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 made from the schemas that check the requests', async () => {
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

  it('has an example that is accepted', async () => {
    const document = await json(await fetch(`${api.url}/openapi.json`));
    expect((await api.post(document.components.schemas.NewAlert.example)).status).toBe(202);
  });

  it('has for every status of every operation an example that is such an answer', async () => {
    const seen: string[] = [];
    for (const [template, item] of Object.entries<AnyObject>(openApiDocument().paths ?? {})) {
      for (const [verb, { responses }] of Object.entries<AnyObject>(item)) {
        for (const [status, { content = {} }] of Object.entries<AnyObject>(responses)) {
          for (const [type, { examples = {} }] of Object.entries<AnyObject>(content)) {
            const shown = Object.values<AnyObject>(examples);
            expect(shown.length, `${verb} ${template} ${status}`).toBeGreaterThan(0);
            for (const { value } of shown) {
              const path = template.replace('{uuid}', UUID).replace('{name}', 'validation');
              const body = type.endsWith('json') ? JSON.stringify(value) : value;
              const faults = faultsOf({
                ...answerTo(verb, path, Number(status)),
                headers: { 'content-type': type },
                body,
              });
              const inBody = faults.filter((fault) => !fault.startsWith('the header') && !fault.includes('request_id'));
              expect(inBody, `${verb} ${template} ${status} ${body}`).toEqual([]);
              seen.push(status);
            }
          }
        }
      }
    }
    expect(new Set(seen)).toEqual(
      new Set(['200', '202', '400', '401', '403', '404', '409', '413', '415', '421', '422', '429', '500', '503']),
    );
  });

  it('has an example for every body that is asked for, which the schema takes', async () => {
    const document = await json(await fetch(`${api.url}/openapi.json`));
    for (const [path, { post }] of Object.entries<AnyObject>(document.paths)) {
      for (const { value } of Object.values<AnyObject>(post?.requestBody?.content['application/json'].examples ?? {})) {
        const answer = await fetch(`${api.url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(value),
        });
        expect(answer.status, path).toBeLessThan(300);
      }
    }
  });
});

describe('/queues', () => {
  it('shows Bull Board, from this server alone', async () => {
    const page = await fetch(`${api.url}/queues`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('Bull Dashboard');
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'self'/);
    expect(page.headers.get('x-powered-by')).toBeNull();
  });

  it('counts the jobs of the queue', async () => {
    const before = await waiting();
    await api.post(newAlert());
    expect(await waiting()).toBe(before + 1);
  });

  async function waiting(): Promise<number> {
    const { queues } = await json(await fetch(`${api.url}/queues/api/queues`));
    expect(queues).toMatchObject([{ name: 'alerts' }]);
    return queues[0].counts.waiting;
  }
});
