import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

// The cost of a rejected body must be bounded by its size.

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const send = async (path: string, body: string) => {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(api.url + path, { method: 'POST', headers, body });
  const text = await response.clone().text();
  return { response, bytes: text.length, body: await json(response) };
};
const unknownFields = (count: number) => Array.from({ length: count }, (_, n) => `"x${n}":0`).join();

describe('a rejected body', () => {
  it('gets at most 100 errors and the number of the others', async () => {
    const alert = JSON.stringify(newAlert()).replace('{', `{${unknownFields(1_000)},`);
    const { response, body } = await send('/alerts', alert);
    expect(response.status).toBe(422);
    expect(body).toMatchObject({ detail: 'The alert has 1000 invalid fields.', errors_omitted: 900 });
    expect(body.errors).toHaveLength(100);
    expect(body.errors[0]).toEqual({ pointer: '#/x0', code: 'unrecognized_keys', detail: 'unknown field' });
  });

  it('of exactly 100 errors omits none', async () => {
    const alert = JSON.stringify(newAlert()).replace('{', `{${unknownFields(100)},`);
    const { body } = await send('/alerts', alert);
    expect(body.errors).toHaveLength(100);
    expect(body).not.toHaveProperty('errors_omitted');
  });

  it('with 45,000 unknown fields in a batch, or in its alert, gets a small response', async () => {
    for (const batch of [`{"alerts":[{${unknownFields(45_000)}}]}`, `{"alerts":[0],${unknownFields(45_000)}}`]) {
      expect((await send('/alerts/batch', batch)).bytes).toBeLessThan(20_000);
    }
  });

  it('with invalid alerts lists 100 errors in all, and one result per alert', async () => {
    const batch = `{"alerts":[${Array(500).fill('{"a":0,"b":0}').join()}]}`;
    const { body } = await send('/alerts/batch', batch);
    const results: { problem: { errors: unknown[]; errors_omitted?: number } }[] = body.results;
    expect(results).toHaveLength(500);
    expect(results.flatMap(({ problem }) => problem.errors)).toHaveLength(100);
    expect(results.at(-1)?.problem).toMatchObject({ errors: [], errors_omitted: 6 });
  });
});
