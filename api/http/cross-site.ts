import type { RequestHandler } from 'express';
import { Problem } from './problem.ts';

const HARMLESS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses what another site's page makes a browser send. A browser adds cookies and Basic's password by itself, and with
 * AUTH=off nothing needs adding; a Bearer key is only added by who has it. SameSite alone would let other ports of this
 * host through. `origins`: those that CORS allows.
 */
export function sameOriginOnly(origins: ReadonlySet<string>): RequestHandler {
  return (req, _res, next) => {
    if (HARMLESS.has(req.method) || /^bearer /i.test(req.get('authorization') ?? '')) return next();
    const origin = req.get('origin');
    if (origin !== undefined && origins.has(origin) && req.get('cookie') === undefined) return next();
    const site = req.get('sec-fetch-site');
    const own = site !== undefined ? site === 'same-origin' || site === 'none' : isOwn(origin, req.host);
    // Neither header: no browser of this decade, so nobody but a cookie's thief has reason to send one.
    const unsaid = site === undefined && origin === undefined && req.get('cookie') === undefined;
    if (own || unsaid) return next();
    throw new Problem('cross-site', 'The request comes from a page of another origin.');
  };
}

function isOwn(origin: string | undefined, host: string | undefined): boolean {
  return origin !== undefined && host !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}
