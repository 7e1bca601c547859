import { type Request, type RequestHandler, Router } from 'express';
import { type LinkQuery, verifyLink } from '#media/links.ts';
import type { MediaKind } from '#media/store.ts';
import type { Database } from '#prisma/client.ts';
import { touchCopy } from '#prisma/copies.ts';
import { findStoredMedia } from '#prisma/stored-media.ts';
import { allow, Problem } from '../http/problem.ts';
import { type MediaSettings, sendMedia } from './routes.ts';

type Deps = { db: Database; media: MediaSettings };

/** GET /media/picture/:uuid and GET /media/copy/:uuid: signed links, which need no key. */
export function linkRoutes(deps: Deps): Router {
  const router = Router();
  router.route('/media/picture/:uuid').get(getByLink(deps, 'picture')).all(allow('GET'));
  router.route('/media/copy/:uuid').get(getByLink(deps, 'copy')).all(allow('GET'));
  return router;
}

function getByLink({ db, media: settings }: Deps, of: MediaKind): RequestHandler {
  return async (req, res) => {
    const { uuid, query } = readLink(req);
    // An unknown key costs no query.
    const media = settings.linkKeys.some(({ id }) => id === query.key) ? await findStoredMedia(db, of, uuid) : null;
    // Also without an alert, which is then not distinguishable from one with another signature.
    const state = verifyLink(settings.linkKeys, { uuid, of, version: media?.version ?? 0 }, query);
    if (state === 'invalid' || media === null) throw invalid();
    if (state === 'expired') throw new Problem('link-expired', 'The link has expired.');
    const seconds = Math.max(0, Math.floor(Number(query.expires) - Date.now() / 1_000));
    const cacheControl = `public, max-age=${seconds}, immutable`;
    await sendMedia(req, res, settings, { of, media, cacheControl, crossOrigin: true });
    // The file was sent: an error must not change that.
    if (of === 'copy')
      await touchCopy(db, media.alertId).catch((err) => req.log.warn({ err }, 'use of a copy not recorded'));
  };
}

const LINK =
  /^\/media\/(?:picture|copy)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\?expires=(\d+)&key=([0-9a-f]+)&signature=([\w-]+)$/;

/** Returns the parts of a link. Its exact form is required: a CDN would keep each other form as another file. */
function readLink(req: Request): { uuid: string; query: LinkQuery } {
  const [, uuid, expires, key, signature] = LINK.exec(req.originalUrl) ?? [];
  if (uuid === undefined || !expires || !key || !signature) throw invalid();
  return { uuid, query: { expires, key, signature } };
}

function invalid(): Problem {
  return new Problem('link-invalid', 'The link was changed, revoked, or signed with a key that is no longer used.');
}
