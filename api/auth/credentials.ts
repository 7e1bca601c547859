import { parseCookie } from 'cookie';
import type { Request, Response } from 'express';

/** Returns the key of a request: from Bearer, from the password of Basic, or from the cookie of /login, in this order. */
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

// A working day. The cookie contains the key: there is no session to store, and revoking the key ends it everywhere.
const COOKIE_MS = 12 * 3_600_000;

export function setKeyCookie(req: Request, res: Response, key: string): void {
  res.cookie(cookieName(req), key, { ...cookieOptions(req), maxAge: COOKIE_MS });
}

export function clearKeyCookie(req: Request, res: Response): void {
  res.clearCookie(cookieName(req), cookieOptions(req));
}

/** With `__Host-`, neither another host nor a plain-HTTP page can set the cookie. Browsers accept the prefix only with TLS. */
function cookieName(req: Request): string {
  return req.secure ? '__Host-alerts-key' : 'alerts-key';
}

function cookieOptions(req: Request) {
  return { path: '/', httpOnly: true, sameSite: 'strict', secure: req.secure } as const;
}
