import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** One request as the client saw it. `status` 0: no response. */
export type Sent = { origin: string; request: string; status: number };

export type Load = {
  /** Alerts that were sent, with the origin that accepted them. */
  alerts: Map<string, string>;
  /** Requests without a response, or with an unexpected status. */
  failed: Sent[];
  /** Sends to these apis from now on. Resolves when no request to another one is in progress. */
  sendTo(origins: string[]): Promise<void>;
  /** Resolves when all requests have ended. */
  stop(): Promise<void>;
};

const VIDEOS = ['test_1.avi', 'test_2.mp4', 'test_3.mov', 'test_4.mkv', 'test_5.webm', 'broken.mp4'];
const SENDERS = 4;
const PAUSE_MS = 100;

/** Posts alerts and reads them, as a load balancer in front of these apis would. */
export function startLoad(origins: string[]): Load {
  const state = { origins, stopped: false, count: 0 };
  const inProgress = new Map<symbol, string>();
  const alerts = new Map<string, string>();
  const failed: Sent[] = [];
  const send = async (origin: string, path: string, expected: number, body?: object) => {
    const request = `${body ? 'POST' : 'GET'} ${path}`;
    const init = body && {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    };
    const status = await fetch(origin + path, init).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
    if (status !== expected) failed.push({ origin, request, status });
    return status === expected;
  };
  const sendOne = async (origin: string) => {
    const uuid = randomUUID();
    const video = `/videos/${VIDEOS[state.count++ % VIDEOS.length]}`;
    const alert = { uuid, video, store: `store-${state.count % 5}`, timestamp: Math.floor(Date.now() / 1_000) };
    if (await send(origin, '/alerts', 202, alert)) alerts.set(uuid, origin);
    await send(origin, `/alerts/${uuid}`, 200);
    await send(origin, '/alerts?limit=5', 200);
    // Repeated, as after a lost response: no second alert.
    await send(origin, '/alerts', 200, alert);
  };
  const sender = async (index: number) => {
    for (let turn = index; !state.stopped; turn += 1) {
      const origin = state.origins[turn % state.origins.length] ?? '';
      const key = Symbol();
      inProgress.set(key, origin);
      await sendOne(origin).finally(() => inProgress.delete(key));
      await sleep(PAUSE_MS);
    }
  };
  const senders = Array.from({ length: SENDERS }, (_, index) => sender(index));
  return {
    alerts,
    failed,
    async sendTo(next) {
      state.origins = next;
      while ([...inProgress.values()].some((origin) => !next.includes(origin))) await sleep(10);
    },
    async stop() {
      state.stopped = true;
      await Promise.all(senders);
    },
  };
}
