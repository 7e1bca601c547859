import type { RequestHandler } from 'express';
import { Problem } from './problem.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Rejects writes that a page of another origin makes a browser send. Browsers add cookies and Basic credentials by
 * themselves, and with AUTH=off no credentials are needed; a Bearer key is only sent by a client that has it. SameSite
 * cookies alone would accept pages from other ports of this host. `origins` are those that CORS allows.
 */
export function sameOriginOnly(origins: ReadonlySet<string>): RequestHandler {
  return (req, _res, next) => {
    if (SAFE_METHODS.has(req.method) || /^bearer /i.test(req.get('authorization') ?? '')) return next();
    const origin = req.get('origin');
    const hasCookie = req.get('cookie') !== undefined;
    if (origin !== undefined && origins.has(origin) && !hasCookie) return next();
    const site = req.get('sec-fetch-site');
    const sameOrigin = site !== undefined ? site === 'same-origin' || site === 'none' : isSameHost(origin, req.host);
    // Every browser of the last ten years sends one of the two headers, so this client is no browser.
    const noBrowser = site === undefined && origin === undefined && !hasCookie;
    if (sameOrigin || noBrowser) return next();
    throw new Problem('cross-site', 'The request comes from a page of another origin.');
  };
}

function isSameHost(origin: string | undefined, host: string | undefined): boolean {
  return origin !== undefined && host !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}
