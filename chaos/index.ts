import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import { deliverBacklog } from './backlog.ts';
import { checkInvariants } from './checker.ts';
import { testCompose } from './compose-target.ts';
import { filtersOf } from './destinations.ts';
import { eventViolations } from './event-checks.ts';
import { listenToEvents } from './event-listeners.ts';
import { type Change, type History, newHistory, type Observation } from './history.ts';
import { limitsFor } from './limits.ts';
import {
  readChanges,
  readDeliveries,
  readDeliveryChanges,
  readLate,
  readLeftoverJobs,
  readProgress,
  readRows,
  waitUntilAllNotified,
} from './observe.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { describePictures, readUnpictured } from './pictures.ts';
import { type Outcome, runScenario } from './scenarios.ts';
import { createScoreboard, renderScoreboard } from './scoreboard.ts';
import { type ChaosStack, type Opened, openStack } from './stack.ts';

// `npm run chaos`: starts a complete stack on 127.0.0.1, sends alerts at a steady rate, injects a seeded schedule of faults,
// and checks every invariant at the end. Exit code 0 only if all of them held.

const NOTIFY_TIMEOUT_MS = 120_000;
/** How long the run waits for further pictures. They have the lowest priority, and the workers of a busy machine make two per second. */
const PICTURE_STALL_MS = 300_000;
const QUEUE_TIMEOUT_MS = 60_000;
const EVENTS_TIMEOUT_MS = 20_000;
const PROGRESS_INTERVAL_MS = 5_000;

/** What has to be closed at the end, last opened first. */
const opened: Opened = [];
const stop = new AbortController();
let passed = false;

const reportError = (error: unknown) =>
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
const { close } = closeWithGrace({ delay: 120_000, logger: false, onSecondError: reportError }, async (reason) => {
  stop.abort();
  if (reason.signal) process.stderr.write(`stopped by ${reason.signal}\n`);
  if (reason.err) reportError(reason.err);
  for (const each of opened) await each.close().catch((error: Error) => process.stderr.write(`${error.message}\n`));
  process.exit(passed ? 0 : 1);
});

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!stop.signal.aborted) process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
}
await close();

async function main(args: string[]): Promise<void> {
  const options = readOptions(args);
  if (options === undefined) {
    process.stdout.write(`${USAGE}\n`);
    passed = true;
  } else if (options.target === 'compose') {
    passed = await testCompose(options);
  } else {
    passed = await testOwnStack(options);
  }
}

/** Returns whether every invariant held. */
async function testOwnStack(options: Options): Promise<boolean> {
  const startedAt = Date.now();
  const history = newHistory();
  const folder = await mkdtemp(join(tmpdir(), 'chaos-'));
  opened.unshift({ close: () => rm(folder, { recursive: true, force: true }) });
  if (options.logs !== undefined) await mkdir(options.logs, { recursive: true });
  const { backend, pictures, logs } = options;
  const destinations = filtersOf(options.destinations, options.alerts);
  const stack = await openStack({ backend, pictures, logs, folder, history, destinations }, opened);
  const progress = setInterval(() => void logProgress(stack, history, startedAt), PROGRESS_INTERVAL_MS);
  opened.unshift({ close: async () => clearInterval(progress) });

  const listeners = listenToEvents(stack.apiOrigins, history);
  opened.unshift(listeners);
  const { timedOut, findings, measurements } = await runUntilLimit(stack, history, options);
  log('fault injection has ended; waiting until every alert is final and notified');
  const observation = await observe(stack, history, { timedOut, options });
  if (logs !== undefined) await writeFile(join(logs, 'observation.json'), JSON.stringify(observation));
  const all = [...checkInvariants(observation, { onlyRestarts: options.scenario === 'rolling' }), ...findings];
  Object.assign(measurements, { pictures: await describePictures(stack.database) });
  const board = createScoreboard(observation, { options, findings: all, measurements, startedAt });
  process.stdout.write(`${options.json ? JSON.stringify(board, null, 2) : renderScoreboard(board)}\n`);
  return board.passed;
}

/** Runs the scenario until it ends or the time limit is reached. */
async function runUntilLimit(
  stack: ChaosStack,
  history: History,
  options: Options,
): Promise<Outcome & { timedOut: boolean }> {
  const limit = AbortSignal.timeout(options.minutes * 60_000);
  const signal = AbortSignal.any([limit, stop.signal]);
  try {
    return { ...(await runScenario({ stack, history, options, signal, log })), timedOut: false };
  } catch (error) {
    if (!limit.aborted || stop.signal.aborted) throw error;
    return { findings: [], measurements: {}, timedOut: true };
  }
}

/** Waits until all work is finished, and returns the history with the final contents of database and queue. */
async function observe(
  stack: ChaosStack,
  history: History,
  { timedOut, options }: { timedOut: boolean; options: Options },
): Promise<Observation> {
  const { database } = stack;
  const { pictures, slowdown } = options;
  const notifyMs = NOTIFY_TIMEOUT_MS * slowdown;
  const allNotified = await waitUntilAllNotified(database, notifyMs, stop.signal);
  if (!allNotified) log(`some alerts are not notified after ${notifyMs / 1_000} s`);
  const backlog = await deliverBacklog(stack, stop.signal);
  log(`${backlog} deliveries were still pending and were sent again`);
  const queue = stack.openQueue();
  try {
    const leftoverJobs = await readLeftoverJobs(
      queue,
      await readRows(database),
      QUEUE_TIMEOUT_MS * slowdown,
      stop.signal,
    );
    log(`${leftoverJobs.length} jobs were left in the queue`);
    const [rows, changes] = [await readRows(database), await readChanges(database)];
    const wrongEvents = await waitForEvents(history, changes, EVENTS_TIMEOUT_MS * slowdown);
    log(`${wrongEvents} events were missed, repeated or out of order`);
    const [deliveries, late] = [await readDeliveries(database), await readLate(database)];
    const deliveryChanges = await readDeliveryChanges(database);
    const unpictured =
      pictures === 'off' ? [] : await readUnpictured(database, PICTURE_STALL_MS * slowdown, stop.signal);
    if (pictures === 'on') log(`${unpictured.length} alerts have neither a picture nor a reason for having none`);
    const final = { rows, changes, leftoverJobs, deliveries, deliveryChanges, backlog, late, unpictured, timedOut };
    return { ...structuredClone(history), ...final, limits: limitsFor(slowdown) };
  } finally {
    await queue.close();
  }
}

/** Waits until every stream has received what is in the feed, or until the time limit. Returns the number of violations. */
async function waitForEvents({ events }: History, changes: Change[], timeoutMs: number): Promise<number> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(500)) {
    const { length } = eventViolations({ events, changes });
    if (length === 0 || Date.now() > deadline) return length;
  }
}

async function logProgress(
  stack: ChaosStack,
  { sent, faults, notifications, received }: History,
  startedAt: number,
): Promise<void> {
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  const lastFault = faults.at(-1)?.kind ?? 'none';
  const rows = await readProgress(stack.database).then(
    ({ rows, final, notified }) => `rows ${rows}, final ${final}, notified ${notified}`,
    () => 'database unavailable',
  );
  const outputs = `notifications ${notifications.length}, webhooks ${received.length}`;
  log(`${seconds} s: sent ${sent.length}, ${rows}, ${outputs}, faults ${faults.length} (${lastFault})`);
}

function log(line: string): void {
  process.stderr.write(`▸ ${line}\n`);
}
