import { Detector, keyOf, type Series, type SeriesKey } from '../detector.ts';
import { HOUR_MS, HOURS_OF_WEEK, hourOfWeekIn } from '../hour-of-week.ts';
import { learn, significantAt } from '../model.ts';
import { createRandom, hourOfStore, type SimulatedAlert, START, simulateStores } from './simulated-stores.ts';

const WEEKS = 12;
const DAY_MS = 24 * HOUR_MS;
const MONTH_MS = 30 * DAY_MS;

type Outage = { from: number; to: number; known?: Series; found?: number; graceMs?: number };

export type Replay = {
  /** False reports by store and month, those of its cameras included, largest first. */
  falseReports: { store: string; month: number; count: number }[];
  /** Number of store-months in which silences could be found. */
  storeMonths: number;
  /** Real silences of stores: how long after the end of the grace each was found; undefined: not found. */
  silences: { store: string; graceMs: number | undefined; delayMs: number | undefined; perDay: number }[];
  reportsForAll: number;
  alerts: number;
};

type Options = { stores: number; seed: number; minMs?: number; tickMs?: number };

/** Replays twelve weeks of simulated stores with a fake clock: the same code that the worker runs, twice a minute. */
export function replay({ stores: count, seed, minMs = HOUR_MS, tickMs = 30_000 }: Options): Replay {
  const hourOfWeek = hourOfWeekIn('UTC');
  const stores = simulateStores(count, seed);
  const detector = new Detector({ hourOfWeek, minMs });
  const series = new Map<string, Series>();
  const counts = new Map<string, number>();
  const outages = planOutages(stores.length, seed);
  const falseReports = new Map<string, number>();
  const result: Replay = { falseReports: [], storeMonths: 0, silences: [], reportsForAll: 0, alerts: 0 };
  let forAll = false;

  const add = (key: SeriesKey, at: number) => {
    const name = keyOf(key);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const known = series.get(name);
    if (known) known.lastAt = Math.max(known.lastAt, at);
    else {
      const firstAt = Math.floor(at / HOUR_MS) * HOUR_MS;
      series.set(name, { ...key, firstAt, lastAt: at, learnedUntil: firstAt, rates: new Float32Array(HOURS_OF_WEEK) });
    }
  };
  const receive = ({ store, camera, at }: SimulatedAlert) => {
    const name = `store-${store}`;
    result.alerts += 1;
    add({ store: name, camera: null }, at);
    if (camera !== null) add({ store: name, camera }, at);
    detector.seen({ store: name, camera }, at);
  };
  const tick = (now: number) => {
    const { silent, back } = detector.tick(now);
    for (const each of back) detector.ended(each, now);
    for (const each of silent) {
      detector.opened(each);
      const outage = outages.get(each.store);
      if (outage && each.graceEndsAt > outage.from && each.since <= outage.from && now <= outage.to + DAY_MS) {
        if (each.camera !== null) continue;
        if (outage.found === undefined && outage.known) {
          outage.found = now;
          outage.graceMs = graceOf(outage.known);
        }
        continue;
      }
      const key = `${each.store} ${Math.floor((now - START) / MONTH_MS)}`;
      falseReports.set(key, (falseReports.get(key) ?? 0) + 1);
    }
    const isForAll = detector.quiet.current()?.significant ?? false;
    if (isForAll && !forAll) result.reportsForAll += 1;
    forAll = isForAll;
  };
  const quietHours = new Set<number>();
  const learnHour = (hourAt: number) => {
    const isQuiet = detector.quiet.pausesAfter(hourAt).some(({ from, to }) => from < hourAt + HOUR_MS && to > hourAt);
    if (isQuiet) quietHours.add(hourAt);
    for (const [name, count] of counts) {
      const known = series.get(name);
      if (known) learn(known, { hourAt, count, hourOfWeek, isSkipped: (at) => quietHours.has(at) });
    }
    counts.clear();
    detector.load([...series.values()]);
  };
  /** Of a silence, as it was when it began; only what all stores together did is known later. */
  const graceOf = (known: Series) => {
    const since = known.lastAt;
    const silence = { since, until: since + 28 * DAY_MS, minMs, pauses: detector.quiet.pausesAfter(since) };
    return (significantAt(known, silence, hourOfWeek) ?? Number.POSITIVE_INFINITY) - since;
  };
  const startOutages = (now: number) => {
    for (const [store, outage] of outages) {
      if (outage.known || now < outage.from) continue;
      const known = series.get(keyOf({ store, camera: null }));
      if (known) outage.known = { ...known, rates: known.rates.slice() };
    }
  };

  for (let hour = 0; hour < WEEKS * HOURS_OF_WEEK; hour += 1) {
    const hourAt = START + hour * HOUR_MS;
    startOutages(hourAt);
    const alerts: SimulatedAlert[] = [];
    for (const [index, store] of stores.entries()) hourOfStore(store, index, hour, alerts);
    const sent = alerts.filter(({ store, at }) => !isOut(outages.get(`store-${store}`), at));
    sent.sort((a, b) => a.at - b.at);
    let next = 0;
    for (let now = hourAt + tickMs; now <= hourAt + HOUR_MS; now += tickMs) {
      for (; next < sent.length && (sent[next]?.at ?? 0) <= now; next += 1) receive(sent[next] as SimulatedAlert);
      tick(now);
    }
    learnHour(hourAt);
  }
  return summarize(result, { stores, outages, falseReports });
}

function isOut(outage: Outage | undefined, at: number): boolean {
  return outage !== undefined && at >= outage.from && at < outage.to;
}

/** Every fifth store sends nothing for 14 days, once, from the fifth week on. */
function planOutages(stores: number, seed: number): Map<string, Outage> {
  const random = createRandom(seed ^ 0x5f3759df);
  const outages = new Map<string, Outage>();
  for (let index = 0; index < stores; index += 5) {
    const from = START + (5 * HOURS_OF_WEEK + Math.floor(random.uniform() * 4 * HOURS_OF_WEEK)) * HOUR_MS;
    outages.set(`store-${index}`, { from, to: from + 14 * DAY_MS });
  }
  return outages;
}

type State = {
  stores: ReturnType<typeof simulateStores>;
  outages: Map<string, Outage>;
  falseReports: Map<string, number>;
};

function summarize(result: Replay, { stores, outages, falseReports }: State): Replay {
  result.storeMonths = (stores.length * (WEEKS - 1) * 7) / 30;
  result.falseReports = [...falseReports]
    .map(([key, count]) => ({ store: key.split(' ')[0] ?? '', month: Number(key.split(' ')[1]), count }))
    .sort((a, b) => b.count - a.count);
  for (const [name, { known, found, graceMs }] of outages) {
    const rates = stores.find((store) => store.name === name)?.rates ?? [];
    const perDay = [...rates].reduce((sum, rate) => sum + rate, 0) / 7;
    const delayMs = found === undefined || !known || graceMs === undefined ? undefined : found - known.lastAt - graceMs;
    result.silences.push({ store: name, graceMs, delayMs, perDay });
  }
  return result;
}
