import { ANONYMOUS, type Auth, type Client, type Scope } from '../auth/client.ts';

/** Returns an `auth` without real keys, and a function that returns the headers of a client with these scopes and stores. */
export function keyClients(): {
  auth: Auth;
  client(name: string, scopes: Scope[], stores?: string[]): Record<string, string>;
} {
  const clients = new Map<string, Client>();
  return {
    auth: { clientOf: async (req) => clients.get(req.get('x-client') ?? '') ?? ANONYMOUS },
    client(name, scopes, stores) {
      clients.set(name, { id: `id-${name}`, name, scopes: new Set(scopes), stores });
      return { 'x-client': name };
    },
  };
}
