import type { Bench } from './bench.ts';
import { openConnection, type RawResponse } from './connection.ts';
import { CHANGES_PER_S, LISTENERS, openEventStreams } from './event-streams.ts';
import { fillAlerts, filledUuid } from './fill.ts';
import { cpuMsOf } from './processes.ts';
import type { BenchStack } from './stack.ts';
import { median } from './statistics.ts';
import { runDriver } from './subprocess.ts';

const CONNECTIONS = 8;
const STORED = 50_000;
/** Alerts that are read again and again. */
const POLLED = 100;
/** Requests that show which status to expect, and let V8 compile hot code. */
const WARM_UP = 1_000;
const WARM_UP_STREAMS_MS = 3_000;

/** A kind of request, and the requests of this kind, which are sent in turn. */
type Kind = { name: string; status: number; requests: string[] };

/** Processor time in ms per request and requests per second, of each run. */
export type PollingResult = { kind: string; apiMs: number[]; postgresMs: number[]; perSecond: number[] };

/** Measures what reads of alerts cost the api and PostgreSQL: each kind of request in turn, so that all meet the same machine. */
export async function measurePolling(stack: BenchStack, { options, log, signal }: Bench): Promise<PollingResult[]> {
  const kinds = await prepareKinds(stack, signal);
  const results = kinds.map(({ name }): PollingResult => ({ kind: name, apiMs: [], postgresMs: [], perSecond: [] }));
  for (let run = 1; run <= options.runs; run += 1) {
    for (const [index, kind] of kinds.entries()) {
      const result = results[index];
      if (run === 1) await sendFor(stack, kind, { requests: WARM_UP, ms: Number.POSITIVE_INFINITY }, signal);
      const limit = { requests: Number.POSITIVE_INFINITY, ms: options.seconds * 1000 };
      const load = await measureCost(stack, () => sendFor(stack, kind, limit, signal));
      result?.apiMs.push(load.apiMs);
      result?.postgresMs.push(load.postgresMs);
      result?.perSecond.push(load.perSecond);
      log(`${kind.name}: run ${run}, ${load.apiMs.toFixed(3)} ms of the api per request`);
    }
  }
  return [...results, await measureStreams(stack, { options, log, signal })];
}

/** Measures the same per change that all event streams receive. */
async function measureStreams(stack: BenchStack, { options, log, signal }: Pick<Bench, 'options' | 'log' | 'signal'>) {
  const kind = `event streams: a change, ${CHANGES_PER_S}/s, for ${LISTENERS} listeners`;
  const result: PollingResult = { kind, apiMs: [], postgresMs: [], perSecond: [] };
  const streams = await openEventStreams(stack);
  try {
    await streams.change(WARM_UP_STREAMS_MS, signal);
    for (let run = 1; run <= options.runs; run += 1) {
      const load = await measureCost(stack, () => streams.change(options.seconds * 1000, signal));
      result.apiMs.push(load.apiMs);
      result.postgresMs.push(load.postgresMs);
      result.perSecond.push(load.perSecond);
      log(`${kind}: run ${run}, ${load.apiMs.toFixed(3)} ms of the api`);
    }
  } finally {
    streams.close();
  }
  return result;
}

async function prepareKinds(stack: BenchStack, signal: AbortSignal): Promise<Kind[]> {
  await fillAlerts(stack.databaseUrl, { from: 0, to: STORED });
  // No worker runs, so these stay unfinished.
  const plan = { ports: stack.apiPorts, videos: ['/videos/a.mp4'], stores: ['polling'], headers: [] };
  const pending = await runDriver({ ...plan, count: POLLED, pace: { kind: 'closed', inFlight: 8 } }, signal);
  const final = Array.from({ length: POLLED }, (_, index) => filledUuid(index));
  const etags = await readEtags(stack, final);
  const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers}\r\n`;
  const alert = (uuid: string) => get(`/alerts/${uuid}`);
  return [
    { name: '/livez', status: 200, requests: [get('/livez')] },
    { name: 'final, polled', status: 200, requests: final.map(alert) },
    {
      name: 'final, polled with If-None-Match',
      status: 304,
      requests: final.map((uuid, index) => get(`/alerts/${uuid}`, `if-none-match: ${etags[index]}\r\n`)),
    },
    {
      name: 'final, each read once',
      status: 200,
      requests: Array.from({ length: STORED - POLLED }, (_, index) => alert(filledUuid(POLLED + index))),
    },
    { name: 'unfinished, polled', status: 200, requests: pending.uuids.map(alert) },
    { name: 'list of 50', status: 200, requests: [get('/alerts?limit=50')] },
  ];
}

async function readEtags({ apiPorts }: BenchStack, uuids: string[]): Promise<string[]> {
  const connection = openConnection(apiPorts[0] ?? 0);
  const etags: string[] = [];
  for (const uuid of uuids) {
    const { head } = await connection.send(`GET /alerts/${uuid} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
    etags.push(/^etag: *(.+)$/im.exec(head)?.[1]?.trim() ?? '');
  }
  connection.close();
  return etags;
}

/** `work` returns the number of requests, or of changes. */
async function measureCost(stack: BenchStack, work: () => Promise<number>) {
  const cpu = () => Promise.all([cpuMsOf(stack.pids('api')), cpuMsOf(stack.pids('postgres'))]);
  const startedAt = performance.now();
  const [apiBefore, postgresBefore] = await cpu();
  const sent = await work();
  const [apiAfter, postgresAfter] = await cpu();
  return {
    apiMs: (apiAfter - apiBefore) / sent,
    postgresMs: (postgresAfter - postgresBefore) / sent,
    perSecond: (sent / (performance.now() - startedAt)) * 1000,
  };
}

/** Sends requests until one of the limits is reached; returns their number. Throws if a response has another status. */
async function sendFor(
  { apiPorts }: BenchStack,
  { name, status, requests }: Kind,
  limit: { requests: number; ms: number },
  signal: AbortSignal,
): Promise<number> {
  const until = performance.now() + limit.ms;
  let sent = 0;
  const sendInTurn = async () => {
    const connection = openConnection(apiPorts[0] ?? 0);
    try {
      while (sent < limit.requests && performance.now() < until && !signal.aborted) {
        const request = requests[sent % requests.length] ?? '';
        sent += 1;
        expectStatus(await connection.send(request), status, name);
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sendInTurn));
  signal.throwIfAborted();
  return sent;
}

function expectStatus(response: RawResponse, status: number, name: string): void {
  if (response.status !== status)
    throw new Error(`${name}: status ${response.status} instead of ${status}: ${response.body}`);
}

/** Returns the results as a table in Markdown: the median, and every run. */
export function renderPolling(results: PollingResult[]): string {
  const cell = (values: number[], digits: number) =>
    `**${median(values).toFixed(digits)}**: ${values.map((value) => value.toFixed(digits)).join(', ')}`;
  const rows = results.map(({ kind, apiMs, postgresMs, perSecond }) => [
    kind,
    cell(apiMs, 3),
    cell(postgresMs, 3),
    cell(perSecond, 0),
  ]);
  const header = ['request', 'CPU ms of the api', 'CPU ms of PostgreSQL', 'requests/s'];
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
