import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createEventParser } from '#chaos/event-listeners.ts';
import { startPublicEndpoint } from '#test/harness/nginx.ts';
import { startStack } from '#test/harness/stack.ts';
import { createStackClient } from '#test/harness/stack-client.ts';

// Two apis behind the real nginx configuration, without sticky sessions. A client repeats a request that ended early, like
// a browser's EventSource and like every client of `Prefer: wait`.

const OPTIONS = { timeout: 600_000 };
const PATIENTLY = { timeout: 240_000, interval: 100 };
const STREAMS = 4;
const ALERTS = 6;

/** Listens until `stop`, and reconnects with the last id whenever the stream ends. */
function listen(origin: string, stop: AbortSignal) {
  const listener = { connections: 0, events: [] as string[], ended: Promise.resolve() };
  const parser = createEventParser('0.0', ({ event, data }) => {
    if (event === 'ping') return;
    listener.events.push(`${event} ${(JSON.parse(data) as { uuid?: string }).uuid}`); // the form of openapi.json
  });
  const read = async () => {
    const headers = { 'last-event-id': parser.lastId() };
    const response = await fetch(`${origin}/alerts/events`, { headers, signal: stop });
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    listener.connections += 1;
    parser.reset();
    for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) parser.push(text);
  };
  listener.ended = (async () => {
    while (!stop.aborted) {
      await read().catch(() => {});
      await sleep(100);
    }
  })();
  return listener;
}

/** Repeats a long poll until the alert is final. Returns the status code of each response, and how often one failed. */
async function waitUntilFinal(origin: string, uuid: string) {
  const polls = { codes: [] as number[], status: '', failed: 0 };
  while (polls.status !== 'processed') {
    try {
      const response = await fetch(`${origin}/alerts/${uuid}`, { headers: { prefer: 'wait=25' } });
      polls.codes.push(response.status);
      polls.status = ((await response.json()) as { status: string }).status; // the form of openapi.json
    } catch {
      polls.failed += 1;
    }
  }
  return polls;
}

it.each(['terminate', 'kill'] as const)(
  'event streams and long polls of an api that restarts continue at the other one: %s',
  OPTIONS,
  async (how) => {
    const stack = await startStack({ apis: 2 });
    onTestFinished(() => stack.close());
    const nginx = await startPublicEndpoint({ apis: stack.apiUrls.map((url) => Number(new URL(url).port)) });
    if ('missing' in nginx) return;
    onTestFinished(() => nginx.close());
    const origin = `http://127.0.0.1:${nginx.ports.api}`;
    const { post } = createStackClient(origin);
    await stack.workers[0]?.stop(); // alerts stay pending

    const stop = new AbortController();
    const listeners = Array.from({ length: STREAMS }, () => listen(origin, stop.signal));
    const uuids = await Promise.all(Array.from({ length: ALERTS }, () => post()));
    const polls = uuids.map((uuid) => waitUntilFinal(origin, uuid));
    const seen = (status: string) => listeners.map(({ events }) => events.filter((each) => each.startsWith(status)));
    await expect
      .poll(() => seen('alert.pending').map(({ length }) => length), PATIENTLY)
      .toEqual(Array(STREAMS).fill(ALERTS));

    for (const api of stack.apis) {
      await (how === 'kill' ? api.kill() : api.stop());
      uuids.push(await post());
      await api.start();
    }
    // Each was at one of the two, and both have restarted.
    await expect.poll(() => Math.min(...listeners.map(({ connections }) => connections)), PATIENTLY).toBeGreaterThan(1);
    const each = (status: string) => uuids.map((uuid) => `${status} ${uuid}`).toSorted();
    const once = (status: string) => Array(STREAMS).fill(each(status));
    const sorted = (status: string) => seen(status).map((events) => events.toSorted());
    // Before the worker starts: a stream shows several changes of an alert as one if a transaction holds them back.
    await expect.poll(() => sorted('alert.pending'), PATIENTLY).toEqual(once('alert.pending'));
    await stack.workers[0]?.start();

    for (const { codes, status } of await Promise.all(polls)) {
      expect(status).toBe('processed');
      expect(new Set(codes)).toEqual(new Set([200]));
    }
    await expect.poll(() => sorted('alert.processed'), PATIENTLY).toEqual(once('alert.processed'));
    stop.abort();
    await Promise.all(listeners.map(({ ended }) => ended));
    expect(sorted('alert.pending')).toEqual(once('alert.pending'));
    expect(seen('reset').flat()).toEqual([]);
    process.stdout.write(
      `${how}: ${listeners.map(({ connections }) => connections).join(', ')} connections of the streams; ` +
        `${(await Promise.all(polls)).map(({ codes, failed }) => `${codes.length}+${failed}`).join(', ')} requests of the long polls\n`,
    );
  },
);
