import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Expected, History, Sent, Unanswered } from './history.ts';

const GOOD: [video: string, resolution: string][] = [
  ['test_1.avi', '1280x720'],
  ['test_2.mp4', '1920x1080'],
  ['test_3.mov', '540x960'],
  ['test_4.mkv', '854x480'],
  ['test_5.webm', '640x360'],
];

/** The sample alert of this number: eight of ten on good videos, one on a broken, one on a missing one. */
export function sampleAlert(index: number, onlyGood: boolean): Sent {
  const [video, expected] = onlyGood ? goodVideo(index) : anyVideo(index);
  return { uuid: randomUUID(), store: `chaos-${index}`, video: `/videos/${video}`, expected };
}

function anyVideo(index: number): [string, Expected] {
  if (index % 10 === 8) return ['broken.mp4', { failure: 'video_unreadable' }];
  if (index % 10 === 9) return ['missing.mp4', { failure: 'video_not_found' }];
  return goodVideo(index);
}

function goodVideo(index: number): [string, Expected] {
  const [video, resolution] = GOOD[index % GOOD.length] ?? ['', ''];
  return [video, { resolution }];
}

export type DriveOptions = {
  doors: [string, string];
  ledger: History;
  /** Alerts. */
  count: number;
  perSecond: number;
  onlyGood?: boolean;
  /** Asked after `count` alerts: go on at the same rate? */
  goOn?: () => boolean;
};

/** Sends alerts at a steady rate and resolves when each is accepted. Rejects with the signal. */
export async function drive(options: DriveOptions, signal: AbortSignal): Promise<void> {
  const { ledger, count, perSecond, onlyGood = false, goOn = () => false } = options;
  const started = Date.now();
  const underway: Promise<void>[] = [];
  for (let index = 0; index < count || goOn(); index += 1) {
    const early = started + (index * 1_000) / perSecond - Date.now();
    if (early > 0) await sleep(early, undefined, { signal });
    signal.throwIfAborted();
    const sent = sampleAlert(index, onlyGood);
    ledger.sent.push(sent);
    const delivery = deliver(sent, options, index, signal);
    delivery.catch(() => {}); // told below, together with the others
    underway.push(delivery);
  }
  await Promise.all(underway);
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** As a camera does: the same uuid again, at the other api, until it is accepted. An answer of 4xx ends it, too. */
async function deliver(sent: Sent, { doors, ledger }: DriveOptions, index: number, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({
    uuid: sent.uuid,
    video: sent.video,
    store: sent.store,
    timestamp: Math.floor(Date.now() / 1_000),
  });
  for (let tries = 0; ; tries += 1) {
    const door = (index + tries) % 2 === 0 ? doors[0] : doors[1];
    const asked = await post(door, body, sent.uuid, ledger);
    if (asked.over) return;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 10), LONGEST_PAUSE_MS);
    await sleep(Math.max(pause, asked.retryAfterMs), undefined, { signal });
  }
}

/** Longer than an api may take over a database that is silent: 3 s to connect and 10 s for an answer. */
const QUEUE_TIMEOUT_MS = 20_000;

async function post(door: string, body: string, uuid: string, ledger: History) {
  const from = Date.now();
  try {
    const response = await fetch(`${door}/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(QUEUE_TIMEOUT_MS),
    });
    await response.text();
    const after = response.headers.get('retry-after');
    const { status } = response;
    ledger.answers.push({ uuid, from, to: Date.now(), status, retryAfter: after !== null });
    return { over: status < 500, retryAfterMs: Number(after ?? 0) * 1_000 };
  } catch (error) {
    ledger.unanswered.push({ uuid, from, to: Date.now(), kind: kindOf(error) });
    return { over: false, retryAfterMs: 0 };
  }
}

/** fetch hides the reason in the cause of its TypeError. */
function kindOf(error: unknown): Unanswered['kind'] {
  if (error instanceof Error && error.name === 'TimeoutError') return 'timeout';
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED' ? 'refused' : 'cut';
}
