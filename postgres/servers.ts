import type { Socket } from 'node:net';
import pg from 'pg';
import { addressOf, type DatabaseHost, hostsOf } from '#config/database-url.ts';
import { choosePrimary, type ServerState } from './choose.ts';

/** How often the state of the servers is read, and how often while none of them accepts writes. */
const CHECK_MS = 1_000;
const SEARCH_MS = 200;
const RESPONSE_MS = 2_000;
/** The first choice waits for the state of all servers, so that it is not a former primary that responds first. */
const FIRST_CHOICE_MS = 300;
/** How long a new connection waits for a server that accepts writes: less than the time limit of a pool. */
const WAIT_MS = 2_500;

// A standby cannot say its timeline in this way, and does not need to.
const STATE = `SELECT current_setting('transaction_read_only') = 'off' AS writable, system_identifier::text AS system,
  CASE WHEN pg_is_in_recovery() THEN 0
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline
  FROM pg_control_system()`;
/** For a server that does not have these functions, or does not let everyone call them. */
const WRITABLE = `SELECT current_setting('transaction_read_only') = 'off' AS writable, '' AS system, 0 AS timeline`;
const SQLSTATE = /^[0-9A-Z]{5}$/;
const CONNECTION_SQLSTATE = /^(08|28|3D|53|57)/;

type Server = DatabaseHost & {
  url: string;
  client?: pg.Client | undefined;
  checking?: boolean;
  /** Whether its state, or that it has none, is known since the first connection. */
  known?: boolean;
  query: string;
  state?: ServerState | undefined;
  problem: string;
};

type Waiting = { resolve(server: Server): void; reject(error: Error): void; timer: NodeJS.Timeout };

/** A connection was closed because of a failover, or there is none. Prisma takes it for a lost connection. */
class NoPrimary extends Error {
  readonly code = 'ECONNRESET';
  readonly errno = -104;
  readonly syscall = 'connect';
}

/**
 * The servers of a URL with several hosts. While there are connections, it knows which server is the primary, and closes the
 * connections to every other one: also those to a former primary that is frozen, or that does not know of its successor.
 */
export class Servers {
  readonly #servers: Server[];
  /** With the server that the connection is to; undefined: it waits for one. */
  readonly #sockets = new Map<Socket, Server | undefined>();
  readonly #waiting = new Set<Waiting>();
  #current: Server | undefined;
  #newest: ServerState | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;

  constructor(url: string) {
    this.#servers = hostsOf(url).map((host) => ({
      ...host,
      url: urlOf(url, host),
      query: STATE,
      problem: 'no response',
    }));
  }

  /** Returns the primary for this connection. Throws after 2.5 s without one, with the reason for each server. */
  async primaryFor(socket: Socket): Promise<DatabaseHost> {
    this.#sockets.set(socket, undefined);
    socket.once('close', () => this.#remove(socket));
    // The next connections wait for the result of a check instead of failing in the same way.
    socket.once('error', () => this.#doubt(this.#sockets.get(socket)));
    if (this.#timer === undefined) {
      this.#startedAt = performance.now();
      this.#check();
    }
    const server = this.#current ?? (await this.#wait());
    if (this.#sockets.has(socket)) this.#sockets.set(socket, server);
    return server;
  }

  #wait(): Promise<Server> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(waiting);
        const reasons = this.#servers.map(({ url, problem }) => `${addressOf(url)}: ${problem}`).join('; ');
        reject(new NoPrimary(`no server accepts writes (${reasons})`));
      };
      const waiting: Waiting = { resolve, reject, timer: setTimeout(giveUp, WAIT_MS) };
      this.#waiting.add(waiting);
    });
  }

  #remove(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#current = undefined;
    for (const server of this.#servers) {
      forget(server, 'no response');
      server.known = false;
    }
  }

  /** Reads the state of all servers, and again after a while. */
  #check(): void {
    clearTimeout(this.#timer);
    for (const server of this.#servers) void this.#read(server);
    this.#timer = setTimeout(() => this.#check(), this.#current ? CHECK_MS : SEARCH_MS);
  }

  /** The server may be unavailable: reads its state at once, and uses it again only if it responds. */
  #doubt(server: Server | undefined): void {
    if (server === undefined || server !== this.#current) return;
    server.state = undefined;
    this.#current = undefined;
    this.#check();
  }

  async #read(server: Server): Promise<void> {
    if (server.checking) return;
    server.checking = true;
    try {
      const client = server.client ?? (await this.#open(server));
      server.client = client;
      const { rows } = await client.query<ServerState>(server.query);
      server.state = rows[0];
      server.problem = server.state?.writable ? 'a former primary' : 'a standby, or read-only';
    } catch (error) {
      if (server.query === STATE && isRefusedQuery(error)) server.query = WRITABLE;
      forget(server, messageOf(error));
    } finally {
      server.checking = false;
      server.known = true;
    }
    if (this.#timer === undefined) forget(server, 'no response');
    else this.#update();
  }

  async #open(server: Server): Promise<pg.Client> {
    const client = new pg.Client({
      ...{ connectionString: server.url, connectionTimeoutMillis: RESPONSE_MS, query_timeout: RESPONSE_MS },
      application_name: 'video-alerts server check',
    });
    client.on('error', (error) => {
      if (server.client !== client) return;
      forget(server, error.message);
      if (this.#timer !== undefined) this.#update();
    });
    await client.connect().catch((error: unknown) => {
      void client.end().catch(() => {});
      throw error;
    });
    return client;
  }

  #update(): void {
    const isFirst = this.#newest === undefined && performance.now() - this.#startedAt < FIRST_CHOICE_MS;
    if (isFirst && this.#servers.some(({ known }) => !known)) return;
    const before = this.#current;
    const states = this.#servers.map(({ state }) => state);
    const index = choosePrimary(states, before && this.#servers.indexOf(before), this.#newest);
    this.#current = index === undefined ? undefined : this.#servers[index];
    this.#newest = this.#current?.state ?? this.#newest;
    for (const [socket, server] of this.#sockets) {
      if (server === undefined || server === this.#current) continue;
      const reason = this.#current ? `${addressOf(this.#current.url)} is the primary now` : server.problem;
      if (this.#current || server.state) {
        socket.destroy(new NoPrimary(`the connection to ${addressOf(server.url)} was closed: ${reason}`));
      }
    }
    if (before && !this.#current) this.#check();
    if (!this.#current) return;
    for (const { resolve, timer } of this.#waiting) {
      clearTimeout(timer);
      resolve(this.#current);
    }
    this.#waiting.clear();
  }
}

function forget(server: Server, problem: string): void {
  void server.client?.end().catch(() => {});
  server.client = undefined;
  server.state = undefined;
  server.problem = problem;
}

function isRefusedQuery(error: unknown): boolean {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  return SQLSTATE.test(code) && !CONNECTION_SQLSTATE.test(code);
}

function messageOf(error: unknown): string {
  // A host name with several addresses fails with an AggregateError, whose message is empty.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  return first instanceof Error ? first.message : String(first);
}

function urlOf(url: string, { host, port }: DatabaseHost): string {
  const one = new URL(url);
  one.host = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  for (const name of ['hosts', 'options']) one.searchParams.delete(name);
  return one.href;
}
