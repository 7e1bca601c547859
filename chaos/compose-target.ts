import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { waitFor } from '#test/harness/wait.ts';
import { VALID_VIDEOS } from './client.ts';
import { compose, followWorkerLogs } from './compose.ts';
import { type Accepted, type Outcome, renderReport, type Step, type Tally } from './compose-report.ts';
import { type History, newHistory } from './history.ts';
import type { ComposeOptions } from './options.ts';

// `npm run chaos -- --target compose`: scales and restarts the services of the running Compose stack, one after another,
// under a steady flow of alerts, and checks the result of every alert that got 202. It uses the public endpoint, the
// workers' logs and `docker compose`. About two minutes, 127.0.0.1 only, one run at a time.

/** How long alerts continue after each step: late effects show while everything is available again. */
const AFTER_STEP_MS = 12_000;
const FINAL_TIMEOUT_MS = 120_000;
const LOG_DELAY_MS = 10_000;
/** A 503 is retried after its Retry-After, as a camera does. */
const MAX_TRIES = 20;

const VIDEOS: [video: string, resolution: string | null][] = [...VALID_VIDEOS, ['broken.mp4', null]];

type Run = {
  /** Prefix of this run's stores, and name of its key. */
  id: string;
  origin: string;
  key: string;
  rate: number;
  /** In the order of the steps. */
  tallies: Map<Step, Tally>;
  accepted: Accepted[];
  history: History;
  /** From the restart of the database until the stack was ready again. Alerts sent before it may be affected, too. */
  outage: { from: number; to: number };
};

/** Prints a report and returns whether every invariant held. */
export async function testCompose({ rate }: ComposeOptions): Promise<boolean> {
  const end = new AbortController();
  const run = await prepare(rate, end.signal);
  const traffic = startTraffic(run);
  for (const step of run.tallies.keys()) {
    process.stdout.write(`${step.name} …\n`);
    traffic.step = step;
    if (step.databaseOutage) run.outage.from = Date.now();
    await step.run();
    await waitUntilReady(run.origin);
    if (step.databaseOutage) run.outage.to = Date.now();
    await sleep(AFTER_STEP_MS);
  }
  await traffic.stop();
  const outcome = await collectOutcome(run);
  await keysCli('revoke', run.key);
  end.abort();
  const { text, passed } = renderReport(run, outcome);
  process.stdout.write(text);
  return passed;
}

const scale = (api: number, worker: number) =>
  // These two only: with nginx, the command would fail while a new api is not healthy yet.
  compose('up', '-d', '--no-build', '--scale', `api=${api}`, '--scale', `worker=${worker}`, 'api', 'worker');

function stepsOf(history: History, signal: AbortSignal): Step[] {
  return [
    { name: 'no change', run: async () => {} },
    { name: 'scale api=3 worker=5', run: () => scale(3, 5) },
    { name: 'restart api', run: () => compose('restart', 'api') },
    { name: 'restart worker', run: () => compose('restart', 'worker') },
    { name: 'restart redis', run: () => compose('restart', 'redis') },
    { name: 'restart postgres', run: () => compose('restart', 'postgres'), databaseOutage: true },
    // The logs are read before containers, and their logs with them, are removed.
    { name: 'scale api=2 worker=2', run: () => followWorkerLogs(history, signal).then(() => scale(2, 2)) },
  ];
}

/** Creates a key for the run; `signal` ends the reading of logs. */
async function prepare(rate: number, signal: AbortSignal): Promise<Run> {
  const address = await compose('port', 'nginx', '8000').catch(() => '');
  if (!/^127\.0\.0\.1:\d+$/.test(address)) {
    throw new Error('the Compose stack is not running: docker compose up -d --build --wait');
  }
  const origin = `http://${address}`;
  await waitUntilReady(origin);
  const id = `chaos-${randomUUID().slice(0, 8)}`;
  const key = await keysCli('create', '--name', id, '--scope', 'write,read', '--expires', '1h');
  const history = newHistory();
  const outage = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  const tallies = new Map(stepsOf(history, signal).map((step) => [step, newTally()]));
  return { id, origin, key, rate, tallies, accepted: [], history, outage };
}

function newTally(): Tally {
  return { sent: 0, accepted: 0, refused: new Map(), slowestMs: 0 };
}

function keysCli(...args: string[]): Promise<string> {
  return compose('exec', '-T', 'api', 'node', 'api/auth/keys-cli.ts', ...args);
}

const readinessSchema = z.looseObject({ status: z.unknown() });

async function waitUntilReady(origin: string): Promise<void> {
  const isReady = () =>
    fetch(`${origin}/readyz`).then(
      async (response) => readinessSchema.parse(await response.json()).status === 'ready',
      () => false,
    );
  await waitFor(isReady, { timeoutMs: 60_000, what: `${origin}/readyz` });
}

/** Sends `rate` alerts per second without waiting for earlier responses. */
function startTraffic(run: Run) {
  const [first] = run.tallies.keys();
  if (!first) throw new Error('no steps');
  const inFlight = new Set<Promise<void>>();
  let count = 0;
  const timer = setInterval(() => {
    const delivery = deliver(run, count, traffic.step).finally(() => inFlight.delete(delivery));
    inFlight.add(delivery);
    count += 1;
  }, 1_000 / run.rate);
  const traffic = {
    step: first,
    async stop() {
      clearInterval(timer);
      await Promise.all(inFlight);
    },
  };
  return traffic;
}

async function deliver(run: Run, index: number, step: Step): Promise<void> {
  const [video, resolution] = VIDEOS[index % VIDEOS.length] ?? ['', null];
  const alert = { uuid: randomUUID(), store: `${run.id}-${index}` };
  const timestamp = Math.floor(Date.now() / 1_000);
  const body = JSON.stringify({ ...alert, video: `/videos/${video}`, timestamp });
  const tally = run.tallies.get(step) ?? newTally();
  tally.sent += 1;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const startedAt = Date.now();
    const { status, retryAfter, error } = await post(run, body);
    tally.slowestMs = Math.max(tally.slowestMs, Date.now() - startedAt);
    // 200: the response to an earlier try was lost, but its row was stored.
    if (status === 202 || status === 200) {
      tally.accepted += 1;
      run.accepted.push({ ...alert, resolution, step, duringOutage: false });
      return;
    }
    const excused = status === 503 && retryAfter !== null && overlapsOutage(run, startedAt, Date.now());
    const reason = refusalOf({ status, retryAfter, error }, excused);
    tally.refused.set(reason, { count: (tally.refused.get(reason)?.count ?? 0) + 1, excused });
    await sleep(Number(retryAfter ?? 1) * 1_000);
  }
}

type PostResult = { status: number | undefined; retryAfter: string | null; error: string };

async function post({ origin, key }: Run, body: string): Promise<PostResult> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  try {
    const signal = AbortSignal.timeout(60_000);
    const response = await fetch(`${origin}/alerts`, { method: 'POST', headers, body, signal });
    await response.text();
    return { status: response.status, retryAfter: response.headers.get('retry-after'), error: '' };
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    return { status: undefined, retryAfter: null, error: String(cause) };
  }
}

function refusalOf({ status, retryAfter, error }: PostResult, excused: boolean): string {
  if (excused) return '503 during the database outage';
  const name = status === undefined ? `no response: ${error}` : String(status);
  return retryAfter === null ? `${name} without Retry-After` : name;
}

function overlapsOutage({ outage }: Run, from: number, to: number): boolean {
  return from <= outage.to && to >= outage.from;
}

const alertSchema = z.looseObject({
  status: z.string(),
  resolution: z.string().nullable(),
  processed_at: z.string().nullable(),
  notified_at: z.string().nullable(),
});

/** Waits until every accepted alert is final and notified. */
async function collectOutcome(run: Run): Promise<Outcome> {
  const { accepted, history } = run;
  const outcome: Outcome = { processed: 0, failed: 0, lost: [], wrong: [], unnotified: [] };
  const deadline = Date.now() + FINAL_TIMEOUT_MS;
  for (const sent of accepted) {
    const alert = await readWhenNotified(run, sent.uuid, deadline);
    if (alert) {
      const [from, to] = [Date.parse(alert.processed_at ?? ''), Date.parse(alert.notified_at ?? '')];
      sent.duringOutage = overlapsOutage(run, from, to);
    }
    if (!alert) outcome.lost.push(sent);
    else if (alert.resolution !== sent.resolution) outcome.wrong.push(sent);
    else if (alert.status === 'processed') outcome.processed += 1;
    else outcome.failed += 1;
  }
  // Each line was written before its `notified_at`, but Docker may pass it on later.
  const missing = () => {
    const notified = new Set(history.notifications.map(({ store }) => store));
    return accepted.filter(({ store }) => !notified.has(store));
  };
  for (const end = Date.now() + LOG_DELAY_MS; missing().length > 0 && Date.now() < end; ) await sleep(200);
  return { ...outcome, unnotified: missing() };
}

/** Returns the alert once it is notified, or undefined if it does not exist or the deadline has passed. */
async function readWhenNotified({ origin, key }: Run, uuid: string, deadline: number) {
  for (;;) {
    const response = await fetch(`${origin}/alerts/${uuid}`, { headers: { authorization: `Bearer ${key}` } });
    const alert = alertSchema.safeParse(await response.json()).data;
    if (alert?.notified_at) return alert;
    if (response.status === 404 || Date.now() > deadline) return undefined;
    await sleep(200);
  }
}
