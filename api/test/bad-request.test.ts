import { request } from 'node:http';
import { urlToHttpOptions } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function expectProblem(response: Response, status: number, type: string): Promise<Record<string, unknown>> {
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const problem = await json(response);
  expect(problem).toMatchObject({ type: `/problems/${type}`, status, title: expect.any(String) });
  expect(problem.request_id).toBe(response.headers.get('x-request-id'));
  expect(problem.detail).not.toBe('');
  return problem;
}

describe('an invalid request body or target', () => {
  it.each([
    ['half a document', '{"uuid": '],
    ['a bare string', '"hello"'],
    ['an empty body', ''],
  ])('rejects %s as malformed JSON with 400', async (_name, body) => {
    await expectProblem(await api.post(body), 400, 'malformed-json');
  });

  it('rejects a request without body and content type with 415', async () => {
    await expectProblem(await fetch(`${api.url}/alerts`, { method: 'POST' }), 415, 'not-json');
  });

  it('rejects an array with 422', async () => {
    await expectProblem(await api.post('[]'), 422, 'validation');
  });

  it('rejects another content type with 415', async () => {
    await expectProblem(await api.post(JSON.stringify(newAlert()), { 'content-type': 'text/plain' }), 415, 'not-json');
  });

  it('rejects bytes that are not UTF-8 with 400 and stores nothing', async () => {
    const alert = newAlert({ store: 'Münster' });
    const body = Buffer.from(JSON.stringify(alert), 'latin1');
    const headers = { 'content-type': 'application/json' };
    await expectProblem(await fetch(`${api.url}/alerts`, { method: 'POST', headers, body }), 400, 'malformed-json');
    expect((await fetch(`${api.url}/alerts/${alert.uuid}`)).status).toBe(404);
  });

  it.each(['utf-7', 'utf-16', 'utf-16le'])('rejects the charset %s with 415', async (charset) => {
    const body = Buffer.from(JSON.stringify(newAlert()), charset === 'utf-7' ? 'utf8' : 'utf16le');
    const headers = { 'content-type': `application/json; charset=${charset}` };
    await expectProblem(await fetch(`${api.url}/alerts`, { method: 'POST', headers, body }), 415, 'not-json');
  });

  it('rejects a compressed body with 415', async () => {
    const response = await fetch(`${api.url}/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify(newAlert())),
    });
    await expectProblem(response, 415, 'not-json');
  });

  it('rejects a body over 16 KiB with 413 and reads one of 16 KiB', async () => {
    const body = JSON.stringify(newAlert());
    await expectProblem(await api.post(body.padEnd(16 * 1024 + 1)), 413, 'too-large');
    expect((await api.post(body.padEnd(16 * 1024))).status).toBe(202);
  });

  it.each(['/alerts/%', '/alerts#x', '/alerts/events#?x=1'])('rejects the target %s with 400', async (target) => {
    const response = await new Promise<{ status: number | undefined; type: string | undefined }>((resolve, reject) => {
      request({ ...urlToHttpOptions(new URL(api.url)), path: target }, (res) => {
        res.resume();
        resolve({ status: res.statusCode, type: res.headers['content-type'] });
      })
        .on('error', reject)
        .end();
    });
    expect(response).toEqual({ status: 400, type: 'application/problem+json; charset=utf-8' });
  });
});

describe('an unknown path or method', () => {
  it('gets 404', async () => {
    const problem = await expectProblem(await fetch(`${api.url}/nowhere?secret=1`), 404, 'not-found');
    expect(problem.instance).toBe('/nowhere');
  });

  it.each([
    ['DELETE', '/alerts', 'HEAD, GET, POST'],
    ['PUT', '/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968', 'HEAD, GET, DELETE'],
    ['POST', '/readyz', 'HEAD, GET'],
    ['POST', '/openapi.json', 'HEAD, GET'],
  ])('gets 405 and the allowed methods: %s %s', async (method, path, allowed) => {
    const response = await fetch(api.url + path, { method });
    await expectProblem(response, 405, 'method-not-allowed');
    expect(response.headers.get('allow')).toBe(allowed);
  });

  it('responds to OPTIONS with the allowed methods', async () => {
    const response = await fetch(`${api.url}/alerts`, { method: 'OPTIONS' });
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'HEAD, GET, POST']);
  });
});

describe('the page of a problem', () => {
  it('is at the URL of its type', async () => {
    const { type } = await json(await fetch(`${api.url}/nowhere`));
    const page = await fetch(api.url + type);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('404');
  });

  it('is 404 for an unknown problem', async () => {
    await expectProblem(await fetch(`${api.url}/problems/constructor`), 404, 'not-found');
  });
});

describe('the request id', () => {
  it('is the client’s if it is well-formed, and is logged', async () => {
    const response = await api.post(newAlert(), { 'x-request-id': 'store-17.42' });
    expect(response.headers.get('x-request-id')).toBe('store-17.42');
    expect(api.logged.filter((line) => line.requestId === 'store-17.42').map((line) => line.msg)).toEqual([
      'alert received',
      'response sent',
    ]);
  });

  it.each(['a b', 'x'.repeat(129), '<script>'])('replaces %j', async (id) => {
    const response = await fetch(`${api.url}/livez`, { headers: { 'x-request-id': id } });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('every response', () => {
  it('has the security headers and does not name its framework', async () => {
    const { headers } = await fetch(`${api.url}/livez`);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
