import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export type SteadyLoad = {
  /** When each alert was accepted, by uuid. */
  accepted: Map<string, number>;
  /** Responses other than 200 and 202, and requests without a response (0). */
  refusals: Map<number, number>;
  /** Sends no more alerts. Resolves when all of them were accepted. */
  stop(): Promise<void>;
};

const RETRY_MS = 200;
const RESPONSE_MS = 30_000;

/** Sends this number of alerts per second as a correct client does: each one until it is accepted. */
export function startSteadyLoad(origin: string, perSecond: number): SteadyLoad {
  const accepted = new Map<string, number>();
  const refusals = new Map<number, number>();
  const sending = new Set<Promise<void>>();
  const send = async () => {
    const alert = { uuid: randomUUID(), video: '/videos/test_2.mp4', store: 'load', timestamp: Date.now() / 1_000 };
    for (;;) {
      const status = await post(origin, alert);
      if (status === 200 || status === 202) break;
      refusals.set(status, (refusals.get(status) ?? 0) + 1);
      await sleep(RETRY_MS);
    }
    accepted.set(alert.uuid, Date.now());
  };
  const timer = setInterval(() => {
    const sent = send().finally(() => sending.delete(sent));
    sending.add(sent);
  }, 1_000 / perSecond);
  return {
    accepted,
    refusals,
    async stop() {
      clearInterval(timer);
      await Promise.all(sending);
    },
  };
}

async function post(origin: string, alert: object): Promise<number> {
  try {
    const response = await fetch(`${origin}/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alert),
      signal: AbortSignal.timeout(RESPONSE_MS),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}
