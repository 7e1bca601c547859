import { randomBytes } from 'node:crypto';
import type { RequestHandler } from 'express';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Client, KeyAuth, Scope } from '../../auth/client.ts';
import { ANONYMOUS } from '../../auth/client.ts';
import { Problem } from '../../http/problem.ts';
import { json } from '../../test/test-api.ts';
import { type MediaApi, startMediaApi } from './media-fixture.ts';

const client = (id: string, scopes: Scope[], stores?: string[]): Client => ({
  id,
  name: id,
  scopes: new Set(scopes),
  stores,
});
const CLIENTS: Record<string, Client> = {
  reader: client('reader', ['read']),
  writer: client('writer', ['write']),
  operator: client('operator', ['operate']),
  other: client('other', ['read', 'operate'], ['another-store']),
};
const auth: KeyAuth = { clientOf: async (req) => CLIENTS[req.get('x-client') ?? ''] ?? ANONYMOUS };

let api: MediaApi;
let uuid: string;
beforeAll(async () => {
  api = await startMediaApi({ auth });
  uuid = await api.addAlert('picture', randomBytes(100), 'test-store');
});
afterAll(() => api.close());

const request = (name: string, method: string, path: string) =>
  fetch(`${api.url}/alerts/${uuid}/${path}`, {
    method,
    headers: { 'x-client': name, 'content-type': 'application/json' },
    body: method === 'POST' ? JSON.stringify({ of: 'picture' }) : null,
  });

describe('pictures and links', () => {
  it.each([
    ['reader', 200, 201, 403],
    ['writer', 403, 403, 403],
    ['operator', 403, 403, 204],
    ['other', 404, 404, 404],
    ['nobody', 401, 401, 401],
  ])('of the key %s', async (name, picture, link, revoked) => {
    expect((await request(name, 'GET', 'picture')).status).toBe(picture);
    expect((await request(name, 'POST', 'links')).status).toBe(link);
    expect((await request(name, 'DELETE', 'links')).status).toBe(revoked);
  });

  it('are limited per address, by link, too', async () => {
    let allowed = 3;
    const byAddress: RequestHandler = (_req, _res, next) => {
      allowed -= 1;
      next(
        allowed < 0 ? new Problem('too-many-requests', 'Too many.', { headers: { 'Retry-After': '9' } }) : undefined,
      );
    };
    const pass: RequestHandler = (_req, _res, next) => next();
    const rateLimits = { byAddress, byKey: pass, countExtra: async () => {}, countInvalidKey: async () => {} };
    const limited = await startMediaApi({ auth, rateLimits });
    onTestFinished(limited.close);
    const link = `${limited.url}/media/picture/${uuid}?expires=1&key=0&signature=x`;
    const statuses = [];
    for (let n = 0; n < 5; n += 1) statuses.push((await fetch(link)).status);
    expect(statuses).toEqual([403, 403, 403, 429, 429]);
  });

  it('can be read by link without a key', async () => {
    const { url } = await json(await request('reader', 'POST', 'links'));
    expect((await fetch(url)).status).toBe(200);
  });
});
