import { parseCookie } from 'cookie';
import type { Request, Response } from 'express';
import { SESSION_MS } from './sessions.ts';

/** Returns the key of a request: from Bearer, or from the password of Basic. Undefined without an Authorization header. */
export function readKey(req: Request): string | undefined {
  const header = req.get('authorization');
  if (header === undefined) return undefined;
  const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(header) ?? [];
  if (scheme.toLowerCase() !== 'basic') return value;
  const text = Buffer.from(value, 'base64').toString('latin1');
  return text.slice(text.indexOf(':') + 1);
}

/** Returns the token of a session, if the browser has logged in. */
export function readSessionCookie(req: Request): string | undefined {
  return parseCookie(req.get('cookie') ?? '')[cookieName(req)] || undefined;
}

export function setSessionCookie(req: Request, res: Response, token: string): void {
  res.cookie(cookieName(req), token, { ...cookieOptions(req), maxAge: SESSION_MS });
}

export function clearSessionCookie(req: Request, res: Response): void {
  res.clearCookie(cookieName(req), cookieOptions(req));
}

/** With `__Host-`, neither another host nor a plain-HTTP page can set the cookie. Browsers accept the prefix only with TLS. */
function cookieName(req: Request): string {
  return req.secure ? '__Host-alerts-session' : 'alerts-session';
}

function cookieOptions(req: Request) {
  return { path: '/', httpOnly: true, sameSite: 'strict', secure: req.secure } as const;
}
