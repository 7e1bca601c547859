import { hash } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import type { RateLimiters, Usage } from '#redis/rate-limit.ts';
import { networkOf } from './network.ts';
import { Problem } from './problem.ts';

const WINDOW_MS = 60_000;

/** Requests per minute. 0: no limit. */
export type RateLimitSettings = { perKey: number; perAddress: number; failedKeys: number };

export type LimitName = 'address' | 'key' | 'failed';

export type RateLimits = {
  /** Runs before authentication. */
  byAddress: RequestHandler;
  /** Runs after authentication. */
  byKey: RequestHandler;
  /** Counts a request as `extra` more requests. Throws a Problem if they exceed a limit. */
  countExtra(req: Request, res: Response, extra: number): Promise<void>;
  /** Counts an invalid key against its address. Throws a Problem if the address has sent too many. */
  countInvalidKey(address: string | undefined): Promise<void>;
};

/**
 * Returns the rate limits of the api. `keyIdOf` returns the id of the request's key, or undefined without a key.
 * `onLimited` is called for every request that a limit rejects.
 */
export function createRateLimits(
  limiters: RateLimiters,
  settings: RateLimitSettings,
  keyIdOf: (req: Request) => string | undefined,
  onLimited: (limit: LimitName) => void = () => {},
): RateLimits {
  const invalidKeys = settings.failedKeys > 0 ? limiters.create('failed', settings.failedKeys, WINDOW_MS) : undefined;
  const address = createLimit(limiters, 'address', settings.perAddress, (req) => networkOf(req.ip), onLimited);
  const key = createLimit(limiters, 'key', settings.perKey, keyIdOf, onLimited);
  return {
    byAddress: handlerOf(address),
    byKey: handlerOf(key),
    async countExtra(req, res, extra) {
      // Both limits below set them again.
      for (const name of ['RateLimit', 'RateLimit-Policy']) res.removeHeader(name);
      await address(req, res, extra);
      await key(req, res, extra);
    },
    async countInvalidKey(from) {
      const usage = await invalidKeys?.consume(networkOf(from));
      if (!usage || usage.consumed <= settings.failedKeys) return;
      onLimited('failed');
      throw tooMany(usage, `More than ${settings.failedKeys} invalid keys per minute from this address.`);
    },
  };
}

/** Counts requests and sets the RateLimit headers. Throws a Problem, or rejects with it, if they exceed the limit. */
type Limit = (req: Request, res: Response, points: number) => Promise<void> | void;

function createLimit(
  limiters: RateLimiters,
  name: 'address' | 'key',
  limit: number,
  keyOf: (req: Request) => string | undefined,
  onLimited: (limit: LimitName) => void,
): Limit {
  if (limit === 0) return () => {};
  const limiter = limiters.create(name, limit, WINDOW_MS);
  const policy = `"${name}"; q=${limit}; w=${WINDOW_MS / 1_000}; pk=:`;
  const apply = (res: Response, key: string, points: number, usage: Usage) => {
    res.appendHeader('RateLimit', `"${name}"; r=${Math.max(0, limit - usage.consumed)}; t=${secondsTo(usage)}`);
    res.appendHeader('RateLimit-Policy', `${policy}${partitionOf(key)}:`);
    if (usage.consumed <= limit) return;
    onLimited(name);
    const reason = points > 1 ? ` Each alert of a batch counts as one request: ${points + 1} here.` : '';
    throw tooMany(usage, `More than ${limit} requests per minute for this ${name}.${reason}`);
  };
  return (req, res, points) => {
    const key = keyOf(req);
    if (key === undefined) return;
    const usage = limiter.consume(key, points);
    // Usually the count is in memory, and the request need not wait for a promise.
    if (!(usage instanceof Promise)) return apply(res, key, points, usage);
    return usage.then((resolved) => apply(res, key, points, resolved));
  };
}

function handlerOf(count: Limit): RequestHandler {
  return (req, res, next) => {
    const counted = count(req, res, 1);
    if (counted) counted.then(() => next(), next);
    else next();
  };
}

function tooMany(usage: Usage, detail: string): Problem {
  return new Problem('too-many-requests', detail, { headers: { 'Retry-After': `${Math.max(1, secondsTo(usage))}` } });
}

function secondsTo({ resetAt }: Usage): number {
  return Math.max(0, Math.ceil((resetAt - Date.now()) / 1_000));
}

/** Returns the draft's partition key, which distinguishes clients without identifying them. */
function partitionOf(key: string): string {
  return hash('sha256', key, 'buffer').toString('base64', 0, 9);
}
