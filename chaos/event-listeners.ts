import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { History } from './history.ts';
import { seededRandom } from './random.ts';

/** One per api stays open until the api ends it; the others close their connections after 3 to 15 s. */
const LASTING_STREAMS = 2;
const STREAMS = 4;
const CONNECTION_MS = { min: 3_000, max: 15_000 };
const RECONNECT_MS = 200;

const dataSchema = z.looseObject({ uuid: z.string().optional() });

/** Listens to the change feed on several streams, each alternately at both apis, and records every event. */
export function listenToEvents(apiOrigins: [string, string], history: History): { close(): Promise<void> } {
  const stopping = new AbortController();
  const streams = Array.from({ length: STREAMS }, (_, stream) =>
    listen({ apiOrigins, history, stream, random: seededRandom(stream) }, stopping.signal),
  );
  return {
    async close() {
      stopping.abort();
      await Promise.all(streams);
    },
  };
}

type Listener = { apiOrigins: [string, string]; history: History; stream: number; random: () => number };

async function listen({ apiOrigins, history, stream, random }: Listener, stop: AbortSignal): Promise<void> {
  // From the beginning of the feed: the first alerts may be sent before the first connection.
  const parser = createEventParser('0.0', ({ id, event, data }) => {
    if (event !== 'reset' && !event.startsWith('alert.')) return; // a ping has the id of the last event
    const { uuid } = dataSchema.parse(JSON.parse(data));
    history.events.push({ stream, at: Date.now(), id, event, uuid });
  });
  for (let connection = stream; !stop.aborted; connection += 1) {
    const lifetimeMs = Math.round(CONNECTION_MS.min + random() * (CONNECTION_MS.max - CONNECTION_MS.min));
    const signal = stream < LASTING_STREAMS ? stop : AbortSignal.any([stop, AbortSignal.timeout(lifetimeMs)]);
    const origin = apiOrigins[connection % 2 === 0 ? 0 : 1];
    // Any error: the connection was refused, cut, or closed by this client. It continues from the last complete event.
    await readEvents(`${origin}/alerts/events`, parser, signal).catch(() => {});
    await sleep(RECONNECT_MS, undefined, { signal: stop }).catch(() => {});
  }
}

async function readEvents(url: string, parser: EventParser, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { headers: { 'last-event-id': parser.lastId() }, signal });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    return;
  }
  parser.reset();
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) parser.push(text);
}

type ServerSentEvent = { id: string; event: string; data: string };

export type EventParser = {
  /** The id of the last complete block, with or without data. */
  lastId(): string;
  push(text: string): void;
  /** Discards an incomplete block. */
  reset(): void;
};

/** Parses a stream of Server-Sent Events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function createEventParser(firstId: string, onEvent: (event: ServerSentEvent) => void): EventParser {
  let lastId = firstId;
  let rest = '';
  return {
    lastId: () => lastId,
    reset() {
      rest = '';
    },
    push(text) {
      const blocks = (rest + text).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
        lastId = field('id') ?? lastId;
        const data = field('data');
        if (data !== undefined) onEvent({ id: lastId, event: field('event') ?? 'message', data });
      }
    },
  };
}
