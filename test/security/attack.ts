import { get } from 'node:http';

/** A running stack with AUTH=keys that may be attacked: it runs on 127.0.0.1 and is deleted afterwards. */
export type Target = {
  name: 'npm start' | 'compose';
  /** Origin of the api. */
  api: string;
  /** Origin of the video server. Its folder has `link.mp4`, a link to /etc/passwd, and `os`, a link to /etc. */
  videos: string;
  /** A key with the scopes write, read and operate. */
  key: string;
  /** Runs `npm run keys` with these arguments and returns its output. */
  keys(...args: string[]): Promise<string>;
  /** Returns the duration in ms of GET /livez for a client from another address. Rejects if it is not answered. */
  otherClient(): Promise<number>;
  /** The number of processes of the api. */
  apiProcesses: number;
  /** Sends statements to the database as the application role, in one session. Returns the last one's first column. */
  sql(statements: string): Promise<string>;
  /** The URL by which the api connects. */
  databaseUrl(): Promise<string>;
  /** Runs a JavaScript module where the worker runs, in its source folder, and returns its output. */
  runWithWorker(script: string): Promise<string>;
  /** Everything that the stack has printed. */
  output(): Promise<string>;
};

export type Result = { defended: boolean; observed: string };

/** One attack of the security review. Each file in attacks/ exports one as `attack`; nothing else lists them. */
export type Attack = {
  /** The number of the finding in the review. */
  item: number;
  name: string;
  /** What limits the attack. */
  limit: string;
  /** Runs the attack, bounded in time and size, and ends it. Returns undefined if it does not apply to the target. */
  run(target: Target): Promise<Result | undefined>;
};

/** Returns the time in ms that a client from another address waits for `/livez`: the best of three tries. */
export async function otherClientMs({ otherClient }: Target): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 3 && best > 1_000; tries += 1) {
    best = Math.min(best, await otherClient().catch(() => Number.POSITIVE_INFINITY));
  }
  return Math.round(best);
}

/** Returns the duration of GET /livez, sent from a local address. Rejects if it is not answered with 200. */
export function durationFrom(origin: string, localAddress: string): Promise<number> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const request = get(`${origin}/livez`, { localAddress, agent: false, timeout: 10_000 }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve(performance.now() - startedAt);
      else reject(new Error(`status ${response.statusCode}`));
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error('no response within 10 s')));
  });
}
