import { parseCookie } from 'cookie';
import type { Request, Response } from 'express';

/** The key that a request shows: as Bearer, as Basic's password, or in the cookie of /login; the header goes first. */
export function readKey(req: Request): string | undefined {
  const header = req.get('authorization');
  if (header !== undefined) {
    const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(header) ?? [];
    if (scheme.toLowerCase() !== 'basic') return value;
    const text = Buffer.from(value, 'base64').toString('latin1');
    return text.slice(text.indexOf(':') + 1);
  }
  return parseCookie(req.get('cookie') ?? '')[cookieName(req)] || undefined;
}

// A working day. The cookie is the key itself: nothing to store, and revoking the key ends it everywhere.
const COOKIE_MS = 12 * 3_600_000;

export function setKeyCookie(req: Request, res: Response, key: string): void {
  res.cookie(cookieName(req), key, { ...cookieOptions(req), maxAge: COOKIE_MS });
}

export function clearKeyCookie(req: Request, res: Response): void {
  res.clearCookie(cookieName(req), cookieOptions(req));
}

/** `__Host-`: over TLS no other host and no plain page may set it. Browsers refuse the prefix without TLS. */
function cookieName(req: Request): string {
  return req.secure ? '__Host-alerts-key' : 'alerts-key';
}

function cookieOptions(req: Request) {
  return { path: '/', httpOnly: true, sameSite: 'strict', secure: req.secure } as const;
}
