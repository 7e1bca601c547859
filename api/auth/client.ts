import type { Request, RequestHandler } from 'express';
import { isAllowedHost } from '#config/allowed-hosts.ts';
import { Problem } from '../http/problem.ts';
import { SCOPES, type Scope } from './scopes.ts';

export type { Scope } from './scopes.ts';

/** Who sends a request, as far as the api knows. */
export type Client = {
  /** The public id of the client's key. */
  id: string;
  name: string;
  scopes: ReadonlySet<Scope>;
  /** The stores whose alerts the client may access. Undefined: all stores. */
  stores: readonly string[] | undefined;
};

declare module 'express-serve-static-core' {
  interface Request {
    /** Set by `authenticate`. Not `client`: Node uses that name for the socket. */
    apiClient: Client;
  }
}

/** The client of a request without a key. It has no scope and no store, so every route that forgets to check denies it. */
export const ANONYMOUS: Client = { id: 'anonymous', name: 'anonymous', scopes: new Set(), stores: [] };

/** The client of every request with AUTH=off. */
export const EVERYONE: Client = { id: 'everyone', name: 'AUTH=off', scopes: new Set(SCOPES), stores: undefined };

/** The logins of browsers. A token is a random value: it is no key, and only the cookie can carry it. */
export type Sessions = {
  /** Returns the token of a new session of the client's key. The session of the token `replaces` ends. */
  start(
    client: Pick<Client, 'id' | 'name'>,
    request: { replaces?: string | undefined; address?: string | undefined },
  ): Promise<string>;
  /** Returns the client of the session's key, or undefined if session or key is no longer valid. */
  clientOf(token: string): Promise<Client | undefined>;
  end(token: string, address: string | undefined): Promise<void>;
};

export type KeyAuth = {
  /** Returns the client of a request's key (or of `key`) or session; ANONYMOUS without. Throws a Problem for an invalid key. */
  clientOf(req: Request, key?: string): Promise<Client>;
  /** Undefined: browsers cannot log in. */
  sessions?: Sessions;
};

export type Auth = 'off' | KeyAuth;

/** Sets `req.apiClient`. Nothing else does. `allowedHosts`: names of this host for AUTH=off. */
export function authenticate(auth: Auth, allowedHosts: readonly string[] = []): RequestHandler {
  if (auth === 'off') {
    return (req, _res, next) => {
      // DNS rebinding: a foreign page can let its own name resolve to this host, and is then of the same origin.
      if (!isAllowedHost(req.get('host'), allowedHosts)) {
        throw new Problem('misdirected', 'Use localhost, the IP address or a name of ALLOWED_HOSTS, or set AUTH=keys.');
      }
      req.apiClient = EVERYONE;
      next();
    };
  }
  return async (req, _res, next) => {
    req.apiClient = await auth.clientOf(req);
    next();
  };
}

/** Returns a handler that passes clients with one of the scopes. Others get 401 without a key, 403 with one. */
export function requireScope(...scopes: Scope[]): RequestHandler {
  return (req, _res, next) => {
    checkScope(req.apiClient, ...scopes);
    next();
  };
}

/** Throws a Problem if the client has none of the scopes. */
export function checkScope(client: Client, ...scopes: Scope[]): void {
  if (scopes.some((scope) => client.scopes.has(scope))) return;
  if (client === ANONYMOUS) throw unauthorized('Authentication required: send Authorization: Bearer <key>.');
  throw new Problem('forbidden', `The key ${client.id} lacks the scope ${scopes.join(' or ')}.`);
}

/** Like requireScope('manage'). A key that is limited to stores gets 403: what it would change concerns all stores. */
export const requireManage: RequestHandler = ({ apiClient }, _res, next) => {
  checkScope(apiClient, 'manage');
  if (apiClient.stores !== undefined) {
    throw new Problem('forbidden', `This concerns all stores, but the key ${apiClient.id} is limited to some.`);
  }
  next();
};

/** Like checkScope, for a response that was held open: the key may have been revoked since. */
export async function recheckScope(auth: Auth, req: Request, scope: Scope): Promise<void> {
  if (auth !== 'off') checkScope(await auth.clientOf(req), scope);
}

export function unauthorized(detail: string): Problem {
  return new Problem('unauthorized', detail);
}

export function canAccessStore({ stores }: Client, store: string): boolean {
  return stores === undefined || stores.includes(store);
}

/** Returns the id that rate limits count by. Undefined: the request is only counted by its address. */
export function keyIdOf({ apiClient }: Request): string | undefined {
  return apiClient === ANONYMOUS ? undefined : apiClient.id;
}

/** Returns what long-poll slots are counted by: the key, or the address if there are no keys. */
export function slotHolderOf({ apiClient, ip }: Request): string {
  return apiClient === EVERYONE ? `address ${ip}` : `key ${apiClient.id}`;
}
