import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, openConnection } from './connection.ts';

// The load driver. It runs in a separate process so that its processor time is known: it receives a plan as its first
// message, sends the alerts, sends back its result and exits.

export type DriverPlan = {
  /** Of the apis; connections use these in turn. */
  ports: number[];
  /** Alerts use these in turn. */
  videos: string[];
  /** Alerts use these in turn. */
  stores: string[];
  /** The source that the alerts select; undefined: none. */
  source?: string;
  /** Number of alerts. */
  count: number;
  /** Lines such as `authorization: Bearer …`. */
  headers: string[];
  pace: /** Always this many requests in flight. */
    | { kind: 'closed'; inFlight: number }
    /** Each request starts at its due time, whatever the state of earlier ones. */
    | { kind: 'open'; perSecond: number }
    /** As `open`, each at its own time in milliseconds after the start, in ascending order. */
    | { kind: 'planned'; dueMs: number[] }
    /** One alert after another, each polled without a pause until it is final. */
    | { kind: 'sequential' };
};

/** Times are milliseconds since 1970, with fractions. Index i of each array belongs to alert i. */
export type DriverResult = {
  uuids: string[];
  /** When the request was due. */
  sentAt: number[];
  /** From the due time to the response. */
  responseMs: number[];
  /** From the due time until a GET returned a final status. Only for the pace `sequential`. */
  finalMs: number[];
  /** Bytes of all requests, with their headers. */
  sentBytes: number;
  /** Responses by status; `error` for requests without one. */
  statuses: Record<string, number>;
  /** Processor time of this process. */
  cpuMs: number;
};

/** A further alert waits for a connection; the wait counts as part of its response time. */
const MAX_CONNECTIONS = 512;

function now(): number {
  return performance.timeOrigin + performance.now();
}

class Driver {
  readonly result: DriverResult = {
    uuids: [],
    sentAt: [],
    responseMs: [],
    finalMs: [],
    sentBytes: 0,
    statuses: {},
    cpuMs: 0,
  };
  readonly #plan: DriverPlan;
  readonly #headers: string;
  readonly #idle: Connection[] = [];
  readonly #waiting: ((connection: Connection) => void)[] = [];
  #open = 0;
  #opened = 0;

  constructor(plan: DriverPlan) {
    this.#plan = plan;
    this.#headers = ['host: 127.0.0.1', ...plan.headers].map((line) => `${line}\r\n`).join('');
  }

  async run(): Promise<DriverResult> {
    const { pace, count } = this.#plan;
    if (pace.kind === 'closed') {
      let next = 0;
      const postInTurn = async () => {
        while (next < count) await this.#post(next++, now());
      };
      await Promise.all(Array.from({ length: Math.min(pace.inFlight, count) }, postInTurn));
    } else if (pace.kind === 'open') {
      await this.#postOnTime((index) => (index * 1000) / pace.perSecond);
    } else if (pace.kind === 'planned') {
      await this.#postOnTime((index) => pace.dueMs[index] ?? 0);
    } else {
      for (let index = 0; index < count; index += 1) {
        await this.#post(index, now());
        await this.#pollUntilFinal(index);
      }
    }
    for (const connection of this.#idle) connection.close();
    const { user, system } = process.cpuUsage();
    this.result.cpuMs = (user + system) / 1000;
    return this.result;
  }

  async #postOnTime(msAfterStart: (index: number) => number): Promise<void> {
    const posts: Promise<void>[] = [];
    const startedAt = now();
    const dueAt = (index: number) => startedAt + msAfterStart(index);
    for (let index = 0; index < this.#plan.count; ) {
      for (; index < this.#plan.count && dueAt(index) <= now(); index += 1) posts.push(this.#post(index, dueAt(index)));
      await sleep(1);
    }
    await Promise.all(posts);
  }

  async #post(index: number, dueAt: number): Promise<void> {
    const { videos, stores, source } = this.#plan;
    const uuid = randomUUID();
    const timestamp = Math.floor(dueAt / 1000);
    const body = JSON.stringify({
      uuid,
      video: videos[index % videos.length],
      timestamp,
      store: stores[index % stores.length],
      source,
    });
    this.result.uuids[index] = uuid;
    this.result.sentAt[index] = dueAt;
    const request =
      `POST /alerts HTTP/1.1\r\n${this.#headers}content-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    this.result.sentBytes += Buffer.byteLength(request);
    const response = await this.#send(request);
    this.result.responseMs[index] = now() - dueAt;
    const status = response?.status ?? 'error';
    this.result.statuses[status] = (this.result.statuses[status] ?? 0) + 1;
  }

  async #pollUntilFinal(index: number): Promise<void> {
    const request = `GET /alerts/${this.result.uuids[index]} HTTP/1.1\r\n${this.#headers}\r\n`;
    const sentAt = this.result.sentAt[index] ?? 0;
    for (const deadline = now() + 10_000; now() < deadline; ) {
      const response = await this.#send(request);
      if (response === undefined || !/"status":"(processed|failed)"/.test(response.body)) continue;
      this.result.finalMs[index] = now() - sentAt;
      return;
    }
  }

  /** Returns undefined if there was no response. */
  async #send(request: string) {
    const connection = await this.#connection();
    try {
      const response = await connection.send(request);
      const next = this.#waiting.shift();
      if (next) next(connection);
      else this.#idle.push(connection);
      return response;
    } catch {
      this.#open -= 1;
      this.#waiting.shift()?.(this.#openConnection());
      return undefined;
    }
  }

  #connection(): Connection | Promise<Connection> {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.isOpen()) return idle;
      this.#open -= 1;
    }
    if (this.#open < MAX_CONNECTIONS) return this.#openConnection();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #openConnection(): Connection {
    const { ports } = this.#plan;
    this.#open += 1;
    return openConnection(ports[this.#opened++ % ports.length] ?? 0);
  }
}

if (import.meta.main) {
  const [plan] = await once(process, 'message');
  const result = await new Driver(plan).run();
  process.send?.(result, () => process.disconnect());
}
