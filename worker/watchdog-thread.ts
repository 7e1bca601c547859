// The thread of watchdog.ts.
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { checkIntervalMs, UUID_BYTES, type Watched } from './watchdog.ts';

const { timeoutMs, heartbeat, attempts }: Watched = workerData;
const intervalMs = checkIntervalMs(timeoutMs);

let lastBeat = Atomics.load(heartbeat, 0);
let lastCheck = performance.now();
let blockedMs = 0;

setInterval(() => {
  const now = performance.now();
  // A process that was stopped, or a machine that was suspended, stopped this thread too: that time does not count.
  const observedMs = Math.min(now - lastCheck, 2 * intervalMs);
  lastCheck = now;
  const beat = Atomics.load(heartbeat, 0);
  blockedMs = beat === lastBeat ? blockedMs + observedMs : 0;
  lastBeat = beat;
  if (blockedMs >= timeoutMs) terminate();
}, intervalMs);

/** SIGKILL: process.exit() ends only this thread, and a handler of another signal would need the blocked event loop. */
function terminate(): void {
  try {
    writeSync(1, `${logLine()}\n`);
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
}

/** As pino writes it; pino itself runs in the blocked thread. 60 is `fatal`. */
function logLine(): string {
  return JSON.stringify({
    level: 60,
    time: Date.now(),
    service: 'worker',
    pid: process.pid,
    blockedMs: Math.round(blockedMs),
    alerts: alertsInProgress(),
    msg: 'event loop blocked: terminating the worker',
  });
}

function alertsInProgress(): string[] {
  const uuids: string[] = [];
  for (let at = 0; at < attempts.length; at += UUID_BYTES) {
    if (attempts[at] !== 0) uuids.push(Buffer.from(attempts.subarray(at, at + UUID_BYTES)).toString('latin1'));
  }
  return uuids;
}
