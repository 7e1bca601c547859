import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, openConnection } from './connection.ts';

// The driver, a process of its own so that its processor time is known: it gets a plan as its first message, sends
// alerts, answers with what it saw, and ends.

export type Plan = {
  port: number;
  /** Alert number i is on video i of these, over and over. */
  videos: string[];
  /** Alert number i is from store i of these, over and over. */
  stores: string[];
  count: number;
  /** Lines such as `authorization: Bearer …`. */
  headers: string[];
  pace: /** So many requests on the way at any time. */
    | { kind: 'closed'; inFlight: number }
    /** Requests that begin at their time whatever became of those before. */
    | { kind: 'open'; perSecond: number }
    /** One alert after the other, asked for without a pause until it is final. */
    | { kind: 'lone' };
};

/** Times are milliseconds since 1970, with their fractions; alert number i stands at place i. */
export type Driven = {
  uuids: string[];
  /** When its request was due. */
  sentAt: number[];
  /** From then to its answer. */
  answerMs: number[];
  /** Paced `lone` alone: from then until a GET saw it final. */
  finalMs: number[];
  /** Answers by status; `error` for requests without one. */
  statuses: Record<string, number>;
  /** Processor time of this process. */
  cpuMs: number;
};

/** An alert beyond so many open connections waits; that counts as its time. */
const MOST_CONNECTIONS = 512;

function now(): number {
  return performance.timeOrigin + performance.now();
}

class Driver {
  readonly driven: Driven = { uuids: [], sentAt: [], answerMs: [], finalMs: [], statuses: {}, cpuMs: 0 };
  readonly #plan: Plan;
  readonly #headers: string;
  readonly #free: Connection[] = [];
  readonly #queue: ((connection: Connection) => void)[] = [];
  #open = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#headers = ['host: 127.0.0.1', ...plan.headers].map((line) => `${line}\r\n`).join('');
  }

  async run(): Promise<Driven> {
    const { pace, count } = this.#plan;
    if (pace.kind === 'closed') {
      let next = 0;
      const lane = async () => {
        while (next < count) await this.#post(next++, now());
      };
      await Promise.all(Array.from({ length: Math.min(pace.inFlight, count) }, lane));
    } else if (pace.kind === 'open') {
      await this.#postOnTime(pace.perSecond);
    } else {
      for (let index = 0; index < count; index += 1) {
        await this.#post(index, now());
        await this.#untilFinal(index);
      }
    }
    for (const connection of this.#free) connection.close();
    const { user, system } = process.cpuUsage();
    this.driven.cpuMs = (user + system) / 1000;
    return this.driven;
  }

  async #postOnTime(perSecond: number): Promise<void> {
    const posts: Promise<void>[] = [];
    const began = now();
    const dueAt = (index: number) => began + (index * 1000) / perSecond;
    for (let index = 0; index < this.#plan.count; ) {
      for (; index < this.#plan.count && dueAt(index) <= now(); index += 1) posts.push(this.#post(index, dueAt(index)));
      await sleep(1);
    }
    await Promise.all(posts);
  }

  async #post(index: number, due: number): Promise<void> {
    const { videos, stores } = this.#plan;
    const uuid = randomUUID();
    const timestamp = Math.floor(due / 1000);
    const body = JSON.stringify({
      uuid,
      video: videos[index % videos.length],
      timestamp,
      store: stores[index % stores.length],
    });
    this.driven.uuids[index] = uuid;
    this.driven.sentAt[index] = due;
    const request =
      `POST /alerts HTTP/1.1\r\n${this.#headers}content-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    const answer = await this.#ask(request);
    this.driven.answerMs[index] = now() - due;
    const status = answer?.status ?? 'error';
    this.driven.statuses[status] = (this.driven.statuses[status] ?? 0) + 1;
  }

  async #untilFinal(index: number): Promise<void> {
    const request = `GET /alerts/${this.driven.uuids[index]} HTTP/1.1\r\n${this.#headers}\r\n`;
    const sentAt = this.driven.sentAt[index] ?? 0;
    for (const deadline = now() + 10_000; now() < deadline; ) {
      const answer = await this.#ask(request);
      if (answer === undefined || !/"status":"(processed|failed)"/.test(answer.body)) continue;
      this.driven.finalMs[index] = now() - sentAt;
      return;
    }
  }

  /** undefined: no answer came. */
  async #ask(request: string) {
    const connection = await this.#connection();
    try {
      const answer = await connection.ask(request);
      const next = this.#queue.shift();
      if (next) next(connection);
      else this.#free.push(connection);
      return answer;
    } catch {
      this.#open -= 1;
      this.#queue.shift()?.(this.#another());
      return undefined;
    }
  }

  #connection(): Connection | Promise<Connection> {
    const free = this.#free.pop();
    if (free) return free;
    if (this.#open < MOST_CONNECTIONS) return this.#another();
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  #another(): Connection {
    this.#open += 1;
    return openConnection(this.#plan.port);
  }
}

if (import.meta.main) {
  const [plan] = await once(process, 'message');
  const driven = await new Driver(plan).run();
  process.send?.(driven, () => process.disconnect());
}
