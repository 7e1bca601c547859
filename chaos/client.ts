import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExpectedResult, FailedRequest, History, SentAlert } from './history.ts';

export const VALID_VIDEOS: [video: string, resolution: string][] = [
  ['test_1.avi', '1280x720'],
  ['test_2.mp4', '1920x1080'],
  ['test_3.mov', '540x960'],
  ['test_4.mkv', '854x480'],
  ['test_5.webm', '640x360'],
];

/** Returns sample alert number `index`: of ten alerts, eight have a valid video, one a broken one and one a missing one. */
export function sampleAlert(index: number, onlyValid: boolean): SentAlert {
  const [video, expected] = onlyValid ? validVideo(index) : anyVideo(index);
  return { uuid: randomUUID(), store: `chaos-${index}`, video: `/videos/${video}`, expected };
}

function anyVideo(index: number): [string, ExpectedResult] {
  if (index % 10 === 8) return ['broken.mp4', { failure: 'video_unreadable' }];
  if (index % 10 === 9) return ['missing.mp4', { failure: 'video_not_found' }];
  return validVideo(index);
}

function validVideo(index: number): [string, ExpectedResult] {
  const [video, resolution] = VALID_VIDEOS[index % VALID_VIDEOS.length] ?? ['', ''];
  return [video, { resolution }];
}

export type SendOptions = {
  /** Origins of the two apis. */
  apiOrigins: [string, string];
  history: History;
  /** Number of alerts. */
  count: number;
  perSecond: number;
  onlyValid?: boolean;
  /** Called after `count` alerts. While it returns true, alerts continue at the same rate. */
  shouldContinue?: () => boolean;
};

/** Sends alerts at a steady rate and resolves when all are accepted. Rejects when the signal aborts. */
export async function sendAlerts(options: SendOptions, signal: AbortSignal): Promise<void> {
  const { history, count, perSecond, onlyValid = false, shouldContinue = () => false } = options;
  const startedAt = Date.now();
  const deliveries: Promise<void>[] = [];
  for (let index = 0; index < count || shouldContinue(); index += 1) {
    const waitMs = startedAt + (index * 1_000) / perSecond - Date.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    signal.throwIfAborted();
    const alert = sampleAlert(index, onlyValid);
    history.sent.push(alert);
    const delivery = deliver(alert, options, index, signal);
    delivery.catch(() => {}); // reported below, together with the others
    deliveries.push(delivery);
  }
  await Promise.all(deliveries);
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 2_000;

/**
 * Retries with the same uuid, as a camera does, on the other api each time, until the alert is accepted, or gets a 4xx other
 * than 408.
 */
async function deliver(
  alert: SentAlert,
  { apiOrigins, history }: SendOptions,
  index: number,
  signal: AbortSignal,
): Promise<void> {
  const body = JSON.stringify({
    uuid: alert.uuid,
    video: alert.video,
    store: alert.store,
    timestamp: Math.floor(Date.now() / 1_000),
  });
  for (let tries = 0; ; tries += 1) {
    const origin = (index + tries) % 2 === 0 ? apiOrigins[0] : apiOrigins[1];
    const { done, retryAfterMs } = await post(origin, body, alert.uuid, history);
    if (done) return;
    const backoffMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(tries, 10), LONGEST_RETRY_MS);
    await sleep(Math.max(backoffMs, retryAfterMs), undefined, { signal });
  }
}

/** Longer than an api waits for a frozen database: 3 s to connect and 10 s for a response. */
const REQUEST_TIMEOUT_MS = 20_000;

async function post(origin: string, body: string, uuid: string, history: History) {
  const from = Date.now();
  try {
    const response = await fetch(`${origin}/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    await response.text();
    const retryAfter = response.headers.get('retry-after');
    const { status } = response;
    history.responses.push({ uuid, from, to: Date.now(), status, retryAfter: retryAfter !== null });
    return { done: status < 500 && status !== 408, retryAfterMs: Number(retryAfter ?? 0) * 1_000 };
  } catch (error) {
    history.failedRequests.push({ uuid, from, to: Date.now(), kind: failureKind(error) });
    return { done: false, retryAfterMs: 0 };
  }
}

/** fetch hides the reason in the cause of its TypeError. */
function failureKind(error: unknown): FailedRequest['kind'] {
  if (error instanceof Error && error.name === 'TimeoutError') return 'timeout';
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED' ? 'refused' : 'cut';
}
