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

async function expectProblem(answer: Response, status: number, type: string): Promise<Record<string, unknown>> {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const problem = await json(answer);
  expect(problem).toMatchObject({ type: `/problems/${type}`, status, title: expect.any(String) });
  expect(problem.request_id).toBe(answer.headers.get('x-request-id'));
  expect(problem.detail).not.toBe('');
  return problem;
}

describe('a request that cannot be read', () => {
  it.each([
    ['half a document', '{"uuid": '],
    ['a bare string', '"hello"'],
    ['nothing', ''],
  ])('%s is malformed JSON: 400', async (_what, body) => {
    await expectProblem(await api.post(body), 400, 'malformed-json');
  });

  it('no body and no content type: 415', async () => {
    await expectProblem(await fetch(`${api.url}/alerts`, { method: 'POST' }), 415, 'not-json');
  });

  it('an array is JSON of another schema: 422', async () => {
    await expectProblem(await api.post('[]'), 422, 'validation');
  });

  it('another content type: 415', async () => {
    await expectProblem(await api.post(JSON.stringify(newAlert()), { 'content-type': 'text/plain' }), 415, 'not-json');
  });

  it('bytes that are not UTF-8 are no JSON: 400, and nothing is stored in their place', async () => {
    const alert = newAlert({ store: 'Münster' });
    const body = Buffer.from(JSON.stringify(alert), 'latin1');
    const headers = { 'content-type': 'application/json' };
    await expectProblem(await fetch(`${api.url}/alerts`, { method: 'POST', headers, body }), 400, 'malformed-json');
    expect((await fetch(`${api.url}/alerts/${alert.uuid}`)).status).toBe(404);
  });

  it.each(['utf-7', 'utf-16', 'utf-16le'])('another encoding, %s: 415', async (charset) => {
    const body = Buffer.from(JSON.stringify(newAlert()), charset === 'utf-7' ? 'utf8' : 'utf16le');
    const headers = { 'content-type': `application/json; charset=${charset}` };
    await expectProblem(await fetch(`${api.url}/alerts`, { method: 'POST', headers, body }), 415, 'not-json');
  });

  it('a compressed body: 415', async () => {
    const answer = await fetch(`${api.url}/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify(newAlert())),
    });
    await expectProblem(answer, 415, 'not-json');
  });

  it('over 16 KiB: 413; just below is read', async () => {
    const body = JSON.stringify(newAlert());
    await expectProblem(await api.post(body.padEnd(16 * 1024 + 1)), 413, 'too-large');
    expect((await api.post(body.padEnd(16 * 1024))).status).toBe(202);
  });

  it.each(['/alerts/%', '/alerts#x', '/alerts/events#?x=1'])('the target %s: 400', async (target) => {
    const answer = await new Promise<{ status: number | undefined; type: string | undefined }>((resolve, reject) => {
      request({ ...urlToHttpOptions(new URL(api.url)), path: target }, (res) => {
        res.resume();
        resolve({ status: res.statusCode, type: res.headers['content-type'] });
      })
        .on('error', reject)
        .end();
    });
    expect(answer).toEqual({ status: 400, type: 'application/problem+json; charset=utf-8' });
  });
});

describe('a path or method that is not there', () => {
  it('answers 404', async () => {
    const problem = await expectProblem(await fetch(`${api.url}/nowhere?secret=1`), 404, 'not-found');
    expect(problem.instance).toBe('/nowhere');
  });

  it.each([
    ['DELETE', '/alerts', 'HEAD, GET, POST'],
    ['PUT', '/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968', 'HEAD, GET'],
    ['POST', '/readyz', 'HEAD, GET'],
    ['POST', '/openapi.json', 'HEAD, GET'],
  ])('%s %s answers 405 and what is allowed', async (method, path, allowed) => {
    const answer = await fetch(api.url + path, { method });
    await expectProblem(answer, 405, 'method-not-allowed');
    expect(answer.headers.get('allow')).toBe(allowed);
  });

  it('OPTIONS tells what is allowed', async () => {
    const answer = await fetch(`${api.url}/alerts`, { method: 'OPTIONS' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([204, 'HEAD, GET, POST']);
  });
});

describe('the page of a problem', () => {
  it('stands where its type points', async () => {
    const { type } = await json(await fetch(`${api.url}/nowhere`));
    const page = await fetch(api.url + type);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('404');
  });

  it('is 404 for a problem we do not have', async () => {
    await expectProblem(await fetch(`${api.url}/problems/constructor`), 404, 'not-found');
  });
});

describe('the request id', () => {
  it('is the caller’s where it is harmless, and goes into the log', async () => {
    const answer = await api.post(newAlert(), { 'x-request-id': 'store-17.42' });
    expect(answer.headers.get('x-request-id')).toBe('store-17.42');
    expect(api.logged.filter((line) => line.requestId === 'store-17.42').map((line) => line.msg)).toEqual([
      'alert received',
      'response sent',
    ]);
  });

  it.each(['a b', 'x'.repeat(129), '<script>'])('%j is replaced', async (id) => {
    const answer = await fetch(`${api.url}/livez`, { headers: { 'x-request-id': id } });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('every answer', () => {
  it('has the security headers and does not name its framework', async () => {
    const { headers } = await fetch(`${api.url}/livez`);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
