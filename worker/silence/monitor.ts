import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import { readDatabaseTime } from '#prisma/retention-run.ts';
import {
  deleteSilences,
  dropSilences,
  endSilences,
  openSilences,
  quietTimes,
  type RecordedSilences,
  recordQuietTime,
  recordSilences,
} from '#prisma/silences.ts';
import { Detector, type Tick } from './detector.ts';
import { HOUR_MS, type HourOfWeek } from './hour-of-week.ts';
import { Learner, REMEMBERED_MS, SETTLED_MS, slices } from './learner.ts';
import type { SilenceMetrics } from './metrics.ts';
import type { QuietTimes } from './quiet-times.ts';

/** The key of a silence of nearly all stores. */
const ALL = { store: '', camera: '' };
/** How long a silence that has ended is listed. */
const KEPT_MS = 90 * 24 * HOUR_MS;

export type MonitorDeps = {
  db: Database;
  log: Logger;
  metrics: SilenceMetrics;
  hourOfWeek: HourOfWeek;
  /** SILENCE_GRACE: the shortest grace. */
  minMs: number;
  /** Starts to look for due deliveries of these destinations. */
  triggerDeliveries: (destinationIds: readonly string[]) => void;
  countMuted: (count: number) => void;
  /** The time of the database. */
  readTime?: (db: Database) => Promise<Date>;
};

/**
 * Learns what each store normally sends, and records silences. It keeps its state in memory; another one continues from the
 * tables. Two at the same time are harmless: a silence is recorded once.
 */
export class Monitor {
  readonly #deps: MonitorDeps;
  readonly #signal: AbortSignal;
  readonly #learner: Learner;
  readonly #detector: Detector;
  readonly #quiet: QuietState = { recorded: false, reported: false };
  /** All alerts that were received before are known to the detector. */
  #seenUntil = 0;

  private constructor(deps: MonitorDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#learner = new Learner(deps);
    this.#detector = new Detector(deps);
  }

  /** Returns a monitor that knows what is in the tables. Once the signal aborts, it ends early. */
  static async open(deps: MonitorDeps, signal: AbortSignal): Promise<Monitor> {
    const monitor = new Monitor(deps, signal);
    await monitor.#restore();
    return monitor;
  }

  /** Looks at all alerts that were received since the last call, and records what is silent or back. */
  async check(): Promise<void> {
    const now = await this.#now();
    await this.#learn(now);
    await this.#read(now);
    if (this.#signal.aborted) return;
    await record(this.#deps, this.#detector.tick(now), this.#detector);
    await recordQuiet(this.#deps, this.#detector.quiet, this.#quiet);
    const { db, metrics } = this.#deps;
    metrics.baselines.set(this.#detector.size);
    const open = await openSilences(db);
    metrics.silent.set(open.filter(({ notifiedAt, camera }) => notifiedAt !== null && camera === '').length);
  }

  async #now(): Promise<number> {
    const { db, readTime = readDatabaseTime } = this.#deps;
    return (await readTime(db)).getTime();
  }

  async #restore(): Promise<void> {
    const { db } = this.#deps;
    const now = await this.#now();
    await this.#learner.load(now);
    this.#detector.load(this.#learner.series);
    const times = await quietTimes(db, new Date(now - REMEMBERED_MS));
    this.#detector.quiet.restore(
      times.map(({ since, endedAt }) => ({ from: since.getTime(), to: endedAt?.getTime() ?? now })),
    );
    for (const { store, camera, since, notifiedAt } of await openSilences(db)) {
      if (store === '') Object.assign(this.#quiet, { recorded: true, reported: notifiedAt !== null });
      else this.#detector.opened({ store, camera: camera === '' ? null : camera, since: since.getTime() });
    }
  }

  async #learn(now: number): Promise<void> {
    const { db } = this.#deps;
    let learned = false;
    while (!this.#signal.aborted && (await this.#learner.learnNext(now))) learned = true;
    if (!learned) return;
    await this.#learner.forget(now);
    await dropSilences(db);
    await deleteSilences(db, new Date(now - KEPT_MS));
    this.#detector.load(this.#learner.series);
  }

  /** Reads what was received after the last hour that was learned; twice, because alerts can become visible late. */
  async #read(now: number): Promise<void> {
    const from = Math.max(this.#seenUntil - SETTLED_MS, this.#learner.learnedUntil);
    for await (const { store, camera, lastAt } of slices(this.#deps.db, from, now + 1)) {
      if (this.#signal.aborted) return;
      this.#detector.seen({ store, camera }, lastAt.getTime());
    }
    this.#seenUntil = now;
  }
}

async function record(deps: MonitorDeps, { silent, back }: Tick, detector: Detector) {
  const { db, log } = deps;
  if (back.length > 0) {
    const ended = back.map(({ store, camera, lastAt }) => ({
      store,
      camera: camera ?? '',
      lastAlertAt: new Date(lastAt),
    }));
    report(deps, await endSilences(db, ended));
    for (const each of back) detector.ended(each, each.lastAt);
    log.info({ silences: back.map(({ store, camera }) => ({ store, camera })) }, 'alerts again');
  }
  if (silent.length > 0) {
    const found = silent.map(({ store, camera, since, expected }) => ({
      ...{ store, camera: camera ?? '', since: new Date(since), expected },
    }));
    report(deps, await recordSilences(db, found));
    for (const each of silent) detector.opened(each);
    log.warn({ silences: silent.map(({ store, camera }) => ({ store, camera })) }, 'no alerts for longer than usual');
  }
}

/** `recorded`: an open row says that nearly no store sends. `reported`: it was raised as a silence of all stores. */
type QuietState = { recorded: boolean; reported: boolean };

async function recordQuiet(deps: MonitorDeps, quiet: QuietTimes, state: QuietState): Promise<void> {
  const { db, log } = deps;
  const current = quiet.current();
  if (!current) {
    if (!state.recorded) return;
    report(deps, await endSilences(db, [{ ...ALL, lastAlertAt: new Date(quiet.lastAlertAt()) }]));
    if (state.reported) log.info('stores send alerts again');
    Object.assign(state, { recorded: false, reported: false });
    return;
  }
  const { from, expected, significant } = current;
  if (!state.recorded) await recordQuietTime(db, new Date(from));
  state.recorded = true;
  if (!significant || state.reported) return;
  report(deps, await recordSilences(db, [{ ...ALL, since: new Date(from), expected }]));
  state.reported = true;
  log.warn({ since: new Date(from) }, 'nearly no store sends alerts');
}

function report({ triggerDeliveries, countMuted }: MonitorDeps, { destinations, muted }: RecordedSilences): void {
  if (destinations.length > 0) triggerDeliveries(destinations);
  if (muted > 0) countMuted(muted);
}
