import { type Request, type RequestHandler, type Response, Router } from 'express';
import { type LinkKey, signLink } from '#media/links.ts';
import type { MediaKind } from '#media/store.ts';
import { appendAudit } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import { findStoredMedia, revokeLinks, type StoredMedia } from '#prisma/stored-media.ts';
import { alertPathSchema } from '../alerts/schema.ts';
import { actorOf } from '../audit/actor.ts';
import { canAccessStore, requireScope } from '../auth/client.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import { notAvailable } from './not-available.ts';
import { newLinkSchema } from './schema.ts';
import { type MediaFiles, PRIVATE, serveFile } from './serve-file.ts';

export type MediaSettings = MediaFiles & {
  /** The first one signs. None: there are no links. */
  linkKeys: readonly LinkKey[];
  /** Base of links. Undefined: the host of the request. */
  publicUrl?: string | undefined;
};

type Deps = { db: Database; media: MediaSettings };

/** GET /alerts/:uuid/picture, and POST and DELETE /alerts/:uuid/links. */
export function mediaRoutes(deps: Deps): Router {
  const router = Router();
  router.route('/alerts/:uuid/picture').get(requireScope('read'), getPicture(deps)).all(allow('GET'));
  const links = router.route('/alerts/:uuid/links');
  links.post(requireScope('read'), readJson, postLink(deps));
  links.delete(requireScope('operate'), deleteLinks(deps));
  links.all(allow('POST', 'DELETE'));
  return router;
}

/** Returns the picture or copy of the alert in the path. Throws a Problem if there is no such alert for this client. */
export async function findForClient(db: Database, of: MediaKind, req: Request): Promise<StoredMedia> {
  const { uuid } = parse(alertPathSchema, req.params, 'path');
  const media = await findStoredMedia(db, of, uuid);
  if (!media || !canAccessStore(req.apiClient, media.store)) throw new Problem('not-found', 'No alert has this uuid.');
  return media;
}

/** Sends a picture or copy. Throws a Problem if it is not ready. */
export async function sendMedia(
  req: Request,
  res: Response,
  files: MediaFiles,
  { of, media, ...caching }: { of: MediaKind; media: StoredMedia; cacheControl: string; crossOrigin?: boolean },
): Promise<void> {
  const { status, uuid, sha256, bytes } = media;
  if (status !== 'ready' || sha256 === null || bytes === null) throw notAvailable(of, media);
  await serveFile(req, res, files, { of, uuid, sha256, bytes, ...caching });
}

function getPicture({ db, media: settings }: Deps): RequestHandler {
  return async (req, res) => {
    const media = await findForClient(db, 'picture', req);
    await sendMedia(req, res, settings, { of: 'picture', media, cacheControl: PRIVATE });
  };
}

function postLink({ db, media: settings }: Deps): RequestHandler {
  return async (req, res) => {
    const { of, expires_in } = parse(newLinkSchema, req.body, 'link');
    const { uuid, version } = await findForClient(db, of, req);
    const { linkKeys, publicUrl = `${req.protocol}://${req.host}` } = settings;
    if (linkKeys.length === 0) {
      const headers = { 'Retry-After': '60' };
      throw new Problem('links-unavailable', 'Neither LINK_KEYS nor SECRETS_KEY is set.', { headers });
    }
    const expiresAt = new Date(Math.floor(Date.now() / 1_000 + expires_in) * 1_000);
    const url = publicUrl.replace(/\/+$/, '') + signLink(linkKeys, { uuid, of, version, expiresAt });
    const details = { of, expires_at: expiresAt.toISOString(), link_key: linkKeys[0]?.id ?? null };
    await appendAudit(db, { actor: actorOf(req), action: 'link.created', target: uuid, details });
    req.log.info({ alert: uuid, of, key: req.apiClient.id, expiresAt }, 'link created');
    res.status(201).json({ url, expires_at: expiresAt.toISOString() });
  };
}

function deleteLinks({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const { alertId, uuid } = await findForClient(db, 'picture', req);
    await db.transaction(async (tx) => {
      await revokeLinks(tx, alertId);
      await appendAudit(tx, { actor: actorOf(req), action: 'links.revoked', target: uuid });
    });
    req.log.info({ alert: uuid, key: req.apiClient.id }, 'links revoked');
    res.status(204).end();
  };
}
