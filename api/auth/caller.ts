import type { Request, RequestHandler } from 'express';
import { Problem } from '../http/problem.ts';

/** What a key may be good for. `write`: post alerts; `read`: see them; `operate`: retry them; `metrics`: GET /metrics. */
export const SCOPES = ['write', 'read', 'operate', 'metrics'] as const;
export type Scope = (typeof SCOPES)[number];

export type Caller = {
  /** Public: the key's id. */
  id: string;
  name: string;
  scopes: ReadonlySet<Scope>;
  /** The only stores whose alerts it reaches; undefined: all. */
  stores: readonly string[] | undefined;
};

declare module 'express-serve-static-core' {
  interface Request {
    /** Who asks; ANONYMOUS where no key was shown. */
    caller: Caller;
  }
}

/** May nothing and reaches no store: what is asked for without a key, and without a thought for keys, stays shut. */
export const ANONYMOUS: Caller = { id: 'anonymous', name: 'anonymous', scopes: new Set(), stores: [] };

/** Hosts that no stranger's name server can lead here: addresses, and names without a dot. */
const NAMELESS = /^(\[[\da-f:.]+\]|[\d.]+|[\w-]+|.+\.localhost)(:\d+)?$/i;

/** Everyone, where authentication is off. */
export const EVERYONE: Caller = { id: 'everyone', name: 'AUTH=off', scopes: new Set(SCOPES), stores: undefined };

/**
 * `off`, or who tells the caller by the key that the request shows (or by `key`): ANONYMOUS without one, a Problem for
 * one that is not good.
 */
export type Auth = 'off' | { callerOf(req: Request, key?: string): Promise<Caller> };

/** Sets `req.caller`: the one place that does. */
export function identify(auth: Auth): RequestHandler {
  if (auth === 'off') {
    return (req, _res, next) => {
      // A page elsewhere can have its own name lead here, and is then no other origin. A name without a dot is nobody's.
      if (!NAMELESS.test(req.get('host') ?? '')) {
        throw new Problem(
          'misdirected',
          'With AUTH=off only localhost, an IP address or a name without a dot is answered.',
        );
      }
      req.caller = EVERYONE;
      next();
    };
  }
  return async (req, _res, next) => {
    req.caller = await auth.callerOf(req);
    next();
  };
}

/** Lets pass who has one of the scopes; others get 401 without a key, 403 with one. */
export function requireScope(...scopes: Scope[]): RequestHandler {
  return (req, _res, next) => {
    checkScope(req.caller, ...scopes);
    next();
  };
}

/** Throws the Problem of a caller who has none of the scopes. */
export function checkScope(caller: Caller, ...scopes: Scope[]): void {
  if (scopes.some((scope) => caller.scopes.has(scope))) return;
  if (caller === ANONYMOUS) throw unauthorized('This needs a key.');
  throw new Problem('forbidden', `The key ${caller.id} lacks the scope ${scopes.join(' or ')}.`);
}

/** As checkScope, of an answer that was held open: asks anew whether the key is still good. */
export async function checkScopeAgain(auth: Auth, req: Request, scope: Scope): Promise<void> {
  if (auth !== 'off') checkScope(await auth.callerOf(req), scope);
}

export function unauthorized(detail: string): Problem {
  return new Problem('unauthorized', detail);
}

/** Whether the caller may know of this store's alerts. */
export function reaches({ stores }: Caller, store: string): boolean {
  return stores === undefined || stores.includes(store);
}
