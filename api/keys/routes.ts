import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { Database } from '#prisma/client.ts';
import { type ApiKey, findKey, listKeys } from '#prisma/keys.ts';
import { actorOf } from '../audit/actor.ts';
import { requireScope } from '../auth/client.ts';
import { formatKey } from '../auth/key.ts';
import { createKey, KeyNotActive, type NewKey, revokeKeyAs, rotateKey } from '../auth/manage-keys.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import { canManageKey, checkGrant } from './access.ts';
import { presentKey } from './present.ts';
import { keyPathSchema, newKeySchema, rotationSchema } from './schema.ts';

type Deps = { db: Database };

/** GET and POST /keys, GET and DELETE /keys/:id, and POST /keys/:id/rotate. */
export function keyRoutes(deps: Deps): Router {
  const router = Router();
  const manage = requireScope('manage');
  router.route('/keys').get(manage, getKeys(deps)).post(manage, readJson, postKey(deps)).all(allow('GET', 'POST'));
  router.route('/keys/:id').get(manage, getKey(deps)).delete(manage, deleteKey(deps)).all(allow('GET', 'DELETE'));
  router.route('/keys/:id/rotate').post(manage, readJson, postRotation(deps)).all(allow('POST'));
  return router;
}

function getKeys({ db }: Deps): RequestHandler {
  return async ({ apiClient }, res) => {
    const visible = (await listKeys(db)).filter((key) => canManageKey(apiClient, key));
    res.set('Cache-Control', 'private, no-cache').json({ data: visible.map((key) => presentKey(key, apiClient.id)) });
  };
}

function getKey({ db }: Deps): RequestHandler {
  return async (req, res) => {
    res.set('Cache-Control', 'private, no-cache').json(presentKey(await existing(db, req), req.apiClient.id));
  };
}

function postKey({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const { expires_at: expiresAt, ...body } = parse(newKeySchema, req.body, 'key');
    checkGrant(req.apiClient, body);
    const created = await createKey(db, { ...body, expiresAt }, actorOf(req));
    req.log.info({ key: created.key.id }, 'key created');
    sendNewKey(req, res, created);
  };
}

function postRotation({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const { overlap: overlapMs, expires_at: expiresAt } = parse(rotationSchema, req.body, 'rotation');
    const old = await existing(db, req);
    checkGrant(req.apiClient, old);
    // If the response were lost, the administrator would have no key.
    if (overlapMs === 0 && old.id === req.apiClient.id) {
      throw new Problem('own-key', `The key ${old.id} sends this request: it needs an overlap.`);
    }
    const rotated = await rotateKey(db, old, { overlapMs, expiresAt }, actorOf(req)).catch((error: unknown) => {
      if (error instanceof KeyNotActive) throw new Problem('key-not-active', error.message, { cause: error });
      throw error;
    });
    req.log.info({ key: old.id, by: rotated.key.id }, 'key rotated');
    sendNewKey(req, res, rotated, { replaces: { id: old.id, valid_until: rotated.until.toISOString() } });
  };
}

function deleteKey({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const { id } = await existing(db, req);
    if (id === req.apiClient.id) {
      throw new Problem('own-key', `The key ${id} sends this request, so it cannot revoke itself.`);
    }
    await revokeKeyAs(db, id, actorOf(req));
    req.log.info({ key: id }, 'key revoked');
    res.status(204).end();
  };
}

/** Returns the key of a path. Throws a Problem if there is none, or the client may not see it. */
async function existing(db: Database, { params, apiClient }: Request): Promise<ApiKey> {
  const { id } = parse(keyPathSchema, params, 'path');
  const row = await findKey(db, id);
  if (!row || !canManageKey(apiClient, row)) throw new Problem('not-found', 'No key has this id.');
  return row;
}

/** Sends the only response that contains the key. */
function sendNewKey({ apiClient }: Request, res: Response, { key, row }: NewKey, more: object = {}): void {
  res
    .status(201)
    .set({ Location: `/keys/${key.id}`, 'Cache-Control': 'no-store' })
    .json({ ...presentKey(row, apiClient.id), key: formatKey(key), ...more });
}
