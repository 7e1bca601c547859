import { hash } from 'node:crypto';
import { isIPv6, SocketAddress } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import type { Hit, Limits } from '#redis/rate-limit.ts';
import { ANONYMOUS } from '../auth/caller.ts';
import { Problem } from './problem.ts';

const WINDOW_MS = 60_000;

/** Requests a minute. 0: not limited. */
export type RateLimitSettings = { perKey: number; perAddress: number; failedKeys: number };

export type RateLimits = {
  /** Before the caller is known. */
  ofAddress: RequestHandler;
  /** Once the caller is known. */
  ofKey: RequestHandler;
  /** Counts a request as `more` than the one it was counted as; throws the Problem where these are too many. */
  countMore(req: Request, res: Response, more: number): Promise<void>;
  /** Counts a key that is not good against its address; throws the Problem where there were too many. */
  countFailure(address: string | undefined): Promise<void>;
};

export function createRateLimits(limits: Limits, settings: RateLimitSettings): RateLimits {
  const failures = settings.failedKeys > 0 ? limits.counter('failed', settings.failedKeys, WINDOW_MS) : undefined;
  const address = createLimit(limits, 'address', settings.perAddress, (req) => subnetOf(req.ip));
  const key = createLimit(limits, 'key', settings.perKey, ({ caller }) =>
    caller === ANONYMOUS ? undefined : caller.id,
  );
  return {
    ofAddress: handlerOf(address),
    ofKey: handlerOf(key),
    async countMore(req, res, more) {
      // Told anew below.
      for (const name of ['RateLimit', 'RateLimit-Policy']) res.removeHeader(name);
      await address(req, res, more);
      await key(req, res, more);
    },
    async countFailure(from) {
      const hit = await failures?.hit(subnetOf(from));
      if (!hit || hit.number <= settings.failedKeys) return;
      throw tooMany(hit, `Over ${settings.failedKeys} bad keys in a minute from this address.`);
    },
  };
}

/** Counts requests of a caller and tells the rest in the draft's headers; throws the Problem, or rejects, where they are too many. */
type Limit = (req: Request, res: Response, hits: number) => Promise<void> | void;

function createLimit(limits: Limits, name: string, limit: number, keyOf: (req: Request) => string | undefined): Limit {
  if (limit === 0) return () => {};
  const counter = limits.counter(name, limit, WINDOW_MS);
  const policy = `"${name}"; q=${limit}; w=${WINDOW_MS / 1_000}; pk=:`;
  const judge = (res: Response, key: string, hits: number, hit: Hit) => {
    res.appendHeader('RateLimit', `"${name}"; r=${Math.max(0, limit - hit.number)}; t=${secondsTo(hit)}`);
    res.appendHeader('RateLimit-Policy', `${policy}${partitionOf(key)}:`);
    if (hit.number <= limit) return;
    const counted = hits > 1 ? ` A batch counts as many as it holds alerts: ${hits + 1} here.` : '';
    throw tooMany(hit, `Over ${limit} requests a minute of this ${name}.${counted}`);
  };
  return (req, res, hits) => {
    const key = keyOf(req);
    if (key === undefined) return;
    const hit = counter.hit(key, hits);
    // Mostly the count is at hand: then nothing waits.
    if (!(hit instanceof Promise)) return judge(res, key, hits, hit);
    return hit.then((asked) => judge(res, key, hits, asked));
  };
}

function handlerOf(count: Limit): RequestHandler {
  return (req, res, next) => {
    const counted = count(req, res, 1);
    if (counted) counted.then(() => next(), next);
    else next();
  };
}

function tooMany(hit: Hit, detail: string): Problem {
  return new Problem('too-many-requests', detail, { headers: { 'Retry-After': `${Math.max(1, secondsTo(hit))}` } });
}

function secondsTo({ resetAt }: Hit): number {
  return Math.max(0, Math.ceil((resetAt - Date.now()) / 1_000));
}

/** The draft's partition key: tells callers apart without telling who they are. */
function partitionOf(key: string): string {
  return hash('sha256', key, 'buffer').toString('base64', 0, 9);
}

/**
 * A whole network of IPv6 addresses belongs to one customer: the /64, the smallest that providers give out. An IPv4
 * address written as IPv6 is itself.
 */
function subnetOf(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  if (!isIPv6(address)) return address;
  const [bare = ''] = address.split('%', 1); // of a zone
  const { address: plain } = new SocketAddress({ address: bare, family: 'ipv6' });
  if (plain.startsWith('::ffff:') && plain.includes('.')) return plain.slice('::ffff:'.length);
  const [head = '', tail] = plain.split('::');
  const before = head.split(':').filter(Boolean);
  const after = tail?.split(':').filter(Boolean) ?? [];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
