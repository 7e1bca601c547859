import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { waitAtMost } from '#async/timeout.ts';
import { untilAborted } from '#async/until-aborted.ts';
import type { Database } from '#prisma/client.ts';
import { type ClaimedDelivery, deliveryFailed, deliverySucceeded, releaseDelivery } from '#prisma/deliveries.ts';
import { spaceBacklog } from '#prisma/destination-backlog.ts';
import {
  type DestinationRow,
  disableDestination,
  recordDestinationFailure,
  recordDestinationSuccess,
} from '#prisma/destinations.ts';
import { type Kinds, SendError, type Sent } from '../notify/kind.ts';
import { ConfigUnreadable, configOf } from './destination-config.ts';
import { messageOf } from './message.ts';
import type { ReadPicture } from './message-picture.ts';
import type { DeliveryMetrics } from './metrics.ts';
import { cappedRetryAfterMs, MAX_ATTEMPTS, retryDelayMs } from './retry-schedule.ts';

export type AttemptDeps = {
  db: Database;
  log: Logger;
  metrics: Pick<DeliveryMetrics, 'deliveries' | 'seconds'>;
  kinds: Kinds;
  secretsKey: Uint8Array | undefined;
  readPicture: ReadPicture;
  publicUrl: string | undefined;
  timeoutMs: number;
  /** Deliveries per second after an outage of their destination. */
  backlogRate: number;
  /** Destinations whose outage was logged. */
  outages: Set<string>;
};

/** `probe`: the first delivery after the destination was blocked. `stop` aborts the attempt, which then does not count. */
export type AttemptOptions = { stop: AbortSignal; probe?: boolean };

/** Five failures in a row block the destination for 5 s; each further one doubles that, up to 5 min. */
const BREAKER = { failures: 5, baseMs: 5_000, maxMs: 300_000 };

/** Time for recording the result. A delivery whose worker was killed is due again this long after the send's timeout. */
const RECORD_MS = 15_000;

/** Returns how long a claim lasts. Less than a minute: see spaceBacklog. */
export function leaseMs({ timeoutMs }: Pick<AttemptDeps, 'timeoutMs'>): number {
  return timeoutMs + RECORD_MS;
}

/** Sends a claimed delivery once and records the result. Throws only database errors; the lease then ends by itself. */
export async function attemptDelivery(
  deps: AttemptDeps,
  destination: DestinationRow,
  claimed: ClaimedDelivery,
  { stop, probe = false }: AttemptOptions,
): Promise<void> {
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started);
  try {
    const sent = await send(deps, destination, claimed, stop);
    await recordSuccess(deps, destination, claimed, { sent, ms: elapsed() });
  } catch (error) {
    if (stop.aborted && !(error instanceof SendError && error.status !== undefined)) {
      await releaseDelivery(deps.db, claimed);
      return;
    }
    await recordFailure(deps, destination, claimed, {
      error: sendErrorOf(deps, destination, error),
      ms: elapsed(),
      probe,
    });
  }
}

async function send(deps: AttemptDeps, destination: DestinationRow, claimed: ClaimedDelivery, stop: AbortSignal) {
  const { kind, id, name } = destination;
  const config = configOf(destination, deps.secretsKey);
  const timeout = AbortSignal.timeout(deps.timeoutMs);
  const signal = AbortSignal.any([stop, timeout]);
  const reasonOf = () => (timeout.aborted ? new SendError(`no response within ${deps.timeoutMs} ms`) : stop.reason);
  const context = { signal, destination: { id, name }, now: () => new Date() };
  // A kind that ignores its signal must not keep one of the slots forever.
  const sent = async () => {
    const picture = await deps.readPicture(claimed);
    const message = messageOf(claimed, deps.publicUrl);
    return deps.kinds[kind].send(config, { ...message, ...(picture && { picture }) }, context);
  };
  return untilAborted(sent(), signal, reasonOf);
}

/** Returns the error to record. One that is not expected from a kind is logged: it is a bug. */
function sendErrorOf({ log }: AttemptDeps, { id, name }: DestinationRow, error: unknown): SendError {
  if (error instanceof SendError) return error;
  if (error instanceof ConfigUnreadable) return new SendError(error.message, { cause: error });
  log.error({ destination: id, name, err: error }, 'delivery failed: internal error');
  return new SendError('internal error of the worker: see its log', { cause: error });
}

type Success = { sent: Sent; ms: number };

async function recordSuccess(
  deps: AttemptDeps,
  destination: DestinationRow,
  claimed: ClaimedDelivery,
  { sent, ms }: Success,
): Promise<void> {
  count(deps, destination, 'delivered', ms);
  const response = { responseStatus: sent.status, responseBody: sent.body, ms };
  // Otherwise the receiver would get it again after the lease.
  await untilRecorded(() => deliverySucceeded(deps.db, claimed, response));
  const { id, name, blockedUntil, consecutiveFailures, lastDeliveredAt } = destination;
  if (blockedUntil !== null) {
    // While the destination is blocked, nothing is claimed: afterwards its backlog is due at a bounded rate.
    if (destination.enabled) await spaceBacklog(deps.db, id, deps.backlogRate);
    if (deps.outages.delete(id)) deps.log.warn({ destination: id, name }, 'destination delivers again');
  }
  const stale = lastDeliveredAt === null || Date.now() - lastDeliveredAt.getTime() > 5_000;
  if (stale || consecutiveFailures > 0 || blockedUntil !== null) await recordDestinationSuccess(deps.db, id);
}

async function recordFailure(
  deps: AttemptDeps,
  destination: DestinationRow,
  claimed: ClaimedDelivery,
  { error, ms, probe }: { error: SendError; ms: number; probe: boolean },
): Promise<void> {
  const { id, kind } = destination;
  // A person waits for the result of a test, which is sent once and says nothing about other deliveries.
  const isTest = claimed.event === 'test';
  const nextAttemptInMs = isTest ? undefined : retryDelayMs(claimed.attempt, error.retryAfterMs);
  const final = nextAttemptInMs === undefined;
  count(deps, destination, final ? 'failed' : 'retry', ms);
  if (!isTest) await recordOnDestination(deps, destination, error, probe);
  const response = { responseStatus: error.status, responseBody: error.body, error: error.message, ms };
  await untilRecorded(() =>
    deliveryFailed(deps.db, claimed, final ? { ...response, final: true } : { ...response, nextAttemptInMs }),
  );
  const line = { destination: id, kind, delivery: claimed.id, attempt: claimed.attempt, error: error.message };
  if (final && !isTest) deps.log.warn({ ...line, attempts: MAX_ATTEMPTS }, 'delivery failed');
  else deps.log.info({ ...line, nextAttemptInMs }, 'attempt to deliver failed');
}

async function recordOnDestination(
  { db, log, outages }: AttemptDeps,
  { id, name }: DestinationRow,
  error: SendError,
  probe: boolean,
): Promise<void> {
  if (error.gone && (await disableDestination(db, id, 'the receiver responded 410 Gone'))) {
    log.warn({ destination: id, name }, 'destination disabled: the receiver responded 410 Gone');
  }
  const blockedUntilMs = cappedRetryAfterMs(error.retryAfterMs);
  const options = { breaker: BREAKER, probe, ...(blockedUntilMs ? { blockedUntilMs } : {}) };
  const failures = await recordDestinationFailure(db, id, error.message, options);
  if (failures < BREAKER.failures || outages.has(id)) return;
  outages.add(id);
  log.warn({ destination: id, name, failures, error: error.message }, 'destination blocked: its deliveries wait');
}

/** Repeats a write that the database refuses, for as long as the lease may last. */
async function untilRecorded(write: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  for (;;) {
    try {
      await waitAtMost(write(), RECORD_MS);
      return;
    } catch (error) {
      if (performance.now() - started > RECORD_MS / 2) throw error;
      await sleep(500);
    }
  }
}

function count(
  { metrics }: AttemptDeps,
  { kind }: DestinationRow,
  outcome: 'delivered' | 'retry' | 'failed',
  ms: number,
) {
  metrics.deliveries.inc({ kind, outcome });
  metrics.seconds.observe({ kind }, ms / 1_000);
}
