import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { z } from 'zod';

// `npm run drill`: scales and restarts the parts of the running compose house, one after another, under a steady flow of
// alerts, and holds every 202 against what became of it. At the top because it stands outside all rooms: it knows the
// front door, the worker's log and `docker compose`. Bounded: some two minutes, 127.0.0.1 only, one run at a time.

const { values } = parseArgs({ options: { rate: { type: 'string', default: '20' } } });
const rate = z.coerce.number('--rate must be a number').int().min(1).max(100).parse(values.rate);

/** How long the flow goes on after each step, milliseconds: what is late shows while the part is back. */
const SETTLE_MS = 12_000;
const FINAL_WITHIN_MS = 120_000;
/** As a camera does, a 503 is tried again after its Retry-After. */
const TRIES = 20;
const EXCUSED = '503 as the database is away';

const VIDEOS = [
  ['/videos/test_1.avi', '1280x720'],
  ['/videos/test_2.mp4', '1920x1080'],
  ['/videos/test_3.mov', '540x960'],
  ['/videos/test_4.mkv', '854x480'],
  ['/videos/test_5.webm', '640x360'],
  ['/videos/broken.mp4', null],
] as const;

type Step = { name: string; run: () => Promise<unknown>; databaseAway?: true };
type Tally = { sent: number; accepted: number; refused: Map<string, number>; slowestMs: number };
type Sent = { uuid: string; store: string; resolution: string | null; step: Step; outage?: boolean };

const compose = async (...args: string[]) => (await promisify(execFile)('docker', ['compose', ...args])).stdout.trim();
const scale = (api: number, worker: number) => () =>
  compose('up', '-d', '--no-build', '--scale', `api=${api}`, '--scale', `worker=${worker}`);

const STEPS: Step[] = [
  { name: 'nothing', run: async () => {} },
  { name: 'scale api=3 worker=5', run: scale(3, 5) },
  { name: 'restart api', run: () => compose('restart', 'api') },
  { name: 'restart worker', run: () => compose('restart', 'worker') },
  { name: 'restart redis', run: () => compose('restart', 'redis') },
  { name: 'restart postgres', run: () => compose('restart', 'postgres'), databaseAway: true },
  // Before containers go, and their logs with them.
  { name: 'scale api=2 worker=2', run: () => followLogs().then(scale(2, 2)) },
];

const run = `drill-${randomUUID().slice(0, 8)}`;
const tallies = new Map<Step, Tally>(
  STEPS.map((step) => [step, { sent: 0, accepted: 0, refused: new Map(), slowestMs: 0 }]),
);
const accepted: Sent[] = [];
const notified = new Map<string, number>();
const followers: AbortController[] = [];
/** When the database went, and when the house was ready again. By the clock: what was sent before may meet it. */
const away = { from: Infinity, to: Infinity };
const metOutage = (from: number, to: number) => from <= away.to && to >= away.from;
let base = '';
let key = '';
const authorization = () => ({ authorization: `Bearer ${key}` });

async function drill(): Promise<void> {
  const door = await compose('port', 'nginx', '8000').catch(() => '');
  if (!/^127\.0\.0\.1:\d+$/.test(door)) throw new Error('no house: docker compose up -d --build --wait');
  base = `http://${door}`;
  await waitUntilReady();
  const keys = (...args: string[]) => compose('exec', '-T', 'api', 'node', 'api/auth/keys-cli.ts', ...args);
  key = await keys('create', '--name', run, '--scope', 'write,read', '--expires', '1h');
  const flow = startFlow();
  for (const step of STEPS) {
    process.stdout.write(`${step.name} …\n`);
    flow.step = step;
    if (step.databaseAway) away.from = Date.now();
    await step.run();
    await waitUntilReady();
    if (step.databaseAway) away.to = Date.now();
    await sleep(SETTLE_MS);
  }
  await flow.stop();
  const outcome = await lookAtAll();
  await keys('revoke', key);
  for (const follower of followers) follower.abort();
  report(outcome);
}

/** Sends `rate` alerts a second, without waiting for the answers of those before. */
function startFlow() {
  const [first] = STEPS;
  if (!first) throw new Error('no steps');
  const underway = new Set<Promise<void>>();
  const flow = {
    step: first,
    async stop() {
      clearInterval(timer);
      await Promise.all(underway);
    },
  };
  let count = 0;
  const timer = setInterval(() => {
    const sent = send(count, flow.step).finally(() => underway.delete(sent));
    underway.add(sent);
    count += 1;
  }, 1000 / rate);
  return flow;
}

async function send(count: number, step: Step): Promise<void> {
  const [video, resolution] = VIDEOS[count % VIDEOS.length] ?? VIDEOS[0];
  const sent: Sent = { uuid: randomUUID(), store: `${run}-${count}`, resolution, step };
  const body = JSON.stringify({ uuid: sent.uuid, video, store: sent.store, timestamp: Math.floor(Date.now() / 1000) });
  const headers = { ...authorization(), 'content-type': 'application/json' };
  const tally = tallyOf(step);
  tally.sent += 1;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const started = Date.now();
    const answer = await fetch(`${base}/alerts`, { method: 'POST', headers, body, signal: AbortSignal.timeout(60_000) })
      .then(async (response) => ({
        status: response.status,
        after: response.headers.get('retry-after'),
        text: await response.text(),
      }))
      .catch((error: Error) => ({ status: 0, after: null, text: String(error.cause ?? error) }));
    tally.slowestMs = Math.max(tally.slowestMs, Date.now() - started);
    // 200: the answer to a first try was lost on the way, its row was not.
    if (answer.status === 202 || answer.status === 200) {
      tally.accepted += 1;
      accepted.push(sent);
      return;
    }
    const status = answer.status === 0 ? `cut: ${answer.text}` : `${answer.status}`;
    const excused = status === '503' && answer.after && metOutage(started, Date.now());
    const name = excused ? EXCUSED : answer.after ? status : `${status} without Retry-After`;
    tally.refused.set(name, (tally.refused.get(name) ?? 0) + 1);
    await sleep(Number(answer.after ?? 1) * 1000);
  }
}

function tallyOf(step: Step): Tally {
  const tally = tallies.get(step);
  if (!tally) throw new Error(`no tally of ${step.name}`);
  return tally;
}

async function waitUntilReady(): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; ) {
    const status = await fetch(`${base}/readyz`).then(
      async (answer) => z.looseObject({ status: z.unknown() }).parse(await answer.json()).status,
      () => undefined,
    );
    if (status === 'ready') return;
    if (Date.now() > deadline) throw new Error(`${base}/readyz: not ready after 60 s`);
    await sleep(200);
  }
}

/** Reads the workers' logs, from their beginning on, until aborted or the container goes. */
async function followLogs(): Promise<void> {
  for (const id of (await compose('ps', '-q', 'worker')).split('\n')) {
    const follower = new AbortController();
    followers.push(follower);
    const child = spawn('docker', ['logs', '-f', id], { stdio: ['ignore', 'pipe', 'ignore'], signal: follower.signal });
    child.on('error', (error) => {
      if (error.name !== 'AbortError') throw error;
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, store] = /^\[Notification\] Store: (\S+) \| /.exec(line) ?? [];
      if (store?.startsWith(`${run}-`)) notified.set(store, (notified.get(store) ?? 0) + 1);
    });
  }
}

const alertSchema = z.looseObject({
  status: z.string(),
  resolution: z.string().nullable(),
  processed_at: z.string().nullable(),
  notified_at: z.string().nullable(),
});
type Outcome = { processed: number; failed: number; lost: Sent[]; wrong: Sent[]; unnotified: Sent[] };

/** Asks for each accepted alert until it is final and told. */
async function lookAtAll(): Promise<Outcome> {
  const outcome: Outcome = { processed: 0, failed: 0, lost: [], wrong: [], unnotified: [] };
  const deadline = Date.now() + FINAL_WITHIN_MS;
  for (const sent of accepted) {
    const seen = await final(sent.uuid, deadline);
    if (seen) sent.outage = metOutage(Date.parse(seen.processed_at ?? ''), Date.parse(seen.notified_at ?? ''));
    if (!seen) outcome.lost.push(sent);
    else if (seen.resolution !== sent.resolution) outcome.wrong.push(sent);
    else if (seen.status === 'processed') outcome.processed += 1;
    else outcome.failed += 1;
  }
  // The lines were written before `notified_at`; they may still be on their way through the engine.
  const untold = () => accepted.filter(({ store }) => !notified.has(store));
  for (const late = Date.now() + 10_000; untold().length > 0 && Date.now() < late; ) await sleep(200);
  return { ...outcome, unnotified: untold() };
}

async function final(uuid: string, deadline: number): Promise<z.infer<typeof alertSchema> | undefined> {
  for (;;) {
    const answer = await fetch(`${base}/alerts/${uuid}`, { headers: authorization() });
    const alert = alertSchema.safeParse(await answer.json()).data;
    if (alert?.notified_at) return alert;
    if (answer.status === 404 || Date.now() > deadline) return undefined;
    await sleep(200);
  }
}

function report({ processed, failed, lost, wrong, unnotified }: Outcome): void {
  const twice = accepted.filter(({ store }) => (notified.get(store) ?? 0) > 1);
  // Between the record, the line and its mark PostgreSQL may go: then the line comes again. Nowhere else.
  const duplicates = twice.filter(({ outage }) => !outage);
  const broken: string[] = [];
  process.stdout.write(
    `\n${'step'.padEnd(24)}${'sent'.padStart(6)}${'accepted'.padStart(10)}${'slowest'.padStart(10)}  refused first\n`,
  );
  for (const [step, tally] of tallies) {
    const refused = [...tally.refused].map(([name, count]) => `${name} ×${count}`).join(', ');
    const slowest = `${Math.round(tally.slowestMs)} ms`.padStart(10);
    process.stdout.write(
      `${step.name.padEnd(24)}${String(tally.sent).padStart(6)}${String(tally.accepted).padStart(10)}${slowest}  ${refused || '–'}\n`,
    );
    for (const name of tally.refused.keys()) if (name !== EXCUSED) broken.push(`${step.name}: ${name}`);
    if (tally.accepted < tally.sent) broken.push(`${step.name}: ${tally.sent - tally.accepted} never accepted`);
  }
  const line = {
    accepted: accepted.length,
    processed,
    failed,
    lost: lost.length,
    wrong: wrong.length,
    unnotified: unnotified.length,
  };
  process.stdout.write(`\n${JSON.stringify({ ...line, duplicate_notifications: twice.length })}\n`);
  for (const [what, list] of Object.entries({ lost, wrong, unnotified, 'notified twice': duplicates })) {
    for (const { uuid, step } of list) broken.push(`${what}: ${uuid} of ${step.name}`);
  }
  process.stdout.write(
    broken.length === 0 ? 'every promise held\n' : `${broken.length} broken:\n  ${broken.slice(0, 20).join('\n  ')}\n`,
  );
  process.exitCode = broken.length === 0 ? 0 : 1;
}

await drill();
