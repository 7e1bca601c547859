import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 made from the schemas that check the requests', async () => {
    const document = await json(await fetch(`${api.url}/openapi.json`));
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual([
      '/alerts',
      '/alerts/{uuid}',
      '/alerts/{uuid}/retry',
      '/alerts/retry',
      '/alerts/statistics',
      '/alerts/{uuid}/timeline',
      '/livez',
      '/readyz',
    ]);
    const { NewAlert } = document.components.schemas;
    expect(NewAlert).toMatchObject({ additionalProperties: false, required: ['uuid', 'video', 'timestamp', 'store'] });
    expect(NewAlert.properties.store).toMatchObject({ type: 'string', minLength: 1, maxLength: 128 });
    expect(Object.keys(document.paths['/alerts'].post.responses).sort()).toEqual([
      '200',
      '202',
      '400',
      '409',
      '413',
      '415',
      '422',
      '500',
      '503',
    ]);
  });

  it('has an example that is accepted', async () => {
    const document = await json(await fetch(`${api.url}/openapi.json`));
    expect((await api.post(document.components.schemas.NewAlert.example)).status).toBe(202);
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
