import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import closeWithGrace from 'close-with-grace';
import { judge } from './checker.ts';
import { type Evidence, type History, newHistory } from './history.ts';
import { readChanges, readLeftovers, readProgress, readRows, settled } from './observe.ts';
import { type Options, readOptions } from './options.ts';
import { type Outcome, SCENARIOS } from './scenarios.ts';
import { scoreboardOf, tableOf } from './scoreboard.ts';
import { openStack, type Stack } from './stack.ts';

// `npm run chaos`: a whole house of processes on 127.0.0.1, a steady flow of alerts, a seeded hand that breaks things, and
// at the end every promise held against what was seen. Bounded by count and time; exit code 0 only when all were kept.

const SETTLE_MS = 120_000;
const QUEUE_SETTLE_MS = 60_000;
const PROGRESS_MS = 5_000;

const opened: { close(): Promise<void> }[] = [];
const stop = new AbortController();
let held = false;

const { close } = closeWithGrace({ delay: 120_000, logger: false }, async ({ err }) => {
  stop.abort();
  if (err) process.stderr.write(`${err.message}\n`);
  for (const part of opened) await part.close().catch((error: Error) => process.stderr.write(`${error.message}\n`));
  process.exit(held ? 0 : 1);
});

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  if (!stop.signal.aborted) process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
}
await close();

async function main(options: Options): Promise<void> {
  const began = Date.now();
  const ledger = newHistory();
  const folder = await mkdtemp(join(tmpdir(), 'chaos-'));
  opened.unshift({ close: () => rm(folder, { recursive: true, force: true }) });
  if (options.logs !== undefined) await mkdir(options.logs, { recursive: true });
  const { backend, logs } = options;
  const house = await openStack({ backend, logs, folder, ledger }, opened);
  const progress = setInterval(() => void tellProgress(house, ledger, began), PROGRESS_MS);
  opened.unshift({ close: async () => clearInterval(progress) });

  const { outOfTime, findings, measures } = await play(house, ledger, options);
  say('the hand rests; waiting until every alert is final and told');
  const evidence = await gather(house, ledger, outOfTime);
  if (logs !== undefined) await writeFile(join(logs, 'evidence.json'), JSON.stringify(evidence));
  const all = [...judge(evidence, { gentle: options.scenario === 'rolling' }), ...findings];
  const board = scoreboardOf(evidence, { options, findings: all, measures, began });
  held = board.held;
  process.stdout.write(`${options.json ? JSON.stringify(board, null, 2) : tableOf(board)}\n`);
}

/** The scenario, ended by the time limit at the latest. */
async function play(house: Stack, ledger: History, options: Options): Promise<Outcome & { outOfTime: boolean }> {
  const limit = AbortSignal.timeout(options.minutes * 60_000);
  const signal = AbortSignal.any([limit, stop.signal]);
  try {
    return { ...(await SCENARIOS[options.scenario]({ house, ledger, options, signal, say })), outOfTime: false };
  } catch (error) {
    if (!limit.aborted || stop.signal.aborted) throw error;
    return { findings: [], measures: {}, outOfTime: true };
  }
}

async function gather(house: Stack, ledger: History, outOfTime: boolean): Promise<Evidence> {
  const { database } = house;
  const inTime = await settled(database, SETTLE_MS, stop.signal);
  if (!inTime) say(`not settled after ${SETTLE_MS / 1_000} s`);
  const queue = house.openQueue();
  try {
    const leftovers = await readLeftovers(queue, await readRows(database), QUEUE_SETTLE_MS, stop.signal);
    const [rows, changes] = [await readRows(database), await readChanges(database)];
    return { ...structuredClone(ledger), rows, changes, leftovers, outOfTime };
  } finally {
    await queue.close();
  }
}

async function tellProgress(house: Stack, { sent, blows, told }: History, began: number): Promise<void> {
  const seconds = Math.round((Date.now() - began) / 1_000);
  const last = blows.at(-1);
  const rows = await readProgress(house.database).then(
    ({ rows, final, notified }) => `rows ${rows}, final ${final}, notified ${notified}`,
    () => 'the database is away',
  );
  say(
    `${seconds} s: sent ${sent.length}, ${rows}, lines ${told.length}, blows ${blows.length} (${last?.kind ?? 'none'})`,
  );
}

function say(line: string): void {
  process.stderr.write(`▸ ${line}\n`);
}
