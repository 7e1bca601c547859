import type { RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import type { Counter, Limits } from '#redis/limits.ts';
import { ANONYMOUS } from './caller.ts';
import { Problem } from './problem.ts';

// A whole network of IPv6 addresses belongs to one customer: the smallest that providers give out.
const IPV6_SUBNET = 64;
const WINDOW_MS = 60_000;

/** Requests a minute. 0: not limited. */
export type RateLimitSettings = { perKey: number; perAddress: number; failedKeys: number };

export type RateLimits = {
  /** Before the caller is known. */
  ofAddress: RequestHandler;
  /** Once the caller is known. */
  ofKey: RequestHandler;
  /** Counts a key that is not good against its address; throws the Problem where there were too many. */
  countFailure(address: string | undefined): Promise<void>;
};

export function createRateLimits(limits: Limits, settings: RateLimitSettings): RateLimits {
  const failures = settings.failedKeys > 0 ? limits.counter('failed', settings.failedKeys, WINDOW_MS) : undefined;
  return {
    ofAddress: limited(limits, 'address', settings.perAddress, (req) => subnetOf(req.ip)),
    ofKey: limited(limits, 'key', settings.perKey, (req) => (req.caller === ANONYMOUS ? undefined : req.caller.id)),
    async countFailure(address) {
      const hit = await failures?.hit(subnetOf(address));
      if (!hit || hit.number <= settings.failedKeys) return;
      const seconds = Math.max(1, Math.ceil((hit.resetAt - Date.now()) / 1_000));
      throw new Problem('too-many-requests', `Over ${settings.failedKeys} bad keys in a minute from this address.`, {
        headers: { 'Retry-After': `${seconds}` },
      });
    },
  };
}

type KeyOf = (req: Parameters<RequestHandler>[0]) => string | undefined;

/** Counts the requests of whom `keyOf` tells, says so in the draft's headers, and ends those over the limit with 429. */
function limited(limits: Limits, name: string, limit: number, keyOf: KeyOf): RequestHandler {
  if (limit === 0) return (_req, _res, next) => next();
  return rateLimit({
    windowMs: WINDOW_MS,
    limit,
    identifier: name,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    store: storeOf(limits.counter(name, limit, WINDOW_MS)),
    keyGenerator: (req) => keyOf(req) ?? '',
    skip: (req) => keyOf(req) === undefined,
    // It looks for mistakes in these lines, at every request.
    validate: false,
    handler: (_req, _res, next) =>
      next(new Problem('too-many-requests', `Over ${limit} requests a minute of this ${name}.`)),
  });
}

function storeOf(counter: Counter) {
  return {
    async increment(key: string) {
      const { number, resetAt } = await counter.hit(key);
      return { totalHits: number, resetTime: new Date(resetAt) };
    },
    // Asked for only with options that are not used here.
    decrement() {},
    resetKey() {},
  };
}

function subnetOf(address: string | undefined): string {
  // The parser of IPv6 costs more than all the rest here.
  return address === undefined ? 'unknown' : address.includes(':') ? ipKeyGenerator(address, IPV6_SUBNET) : address;
}
