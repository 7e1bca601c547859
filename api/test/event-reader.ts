import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

// biome-ignore lint/suspicious/noExplicitAny: every use of the data is an assertion about its form
export type ServerSentEvent = { id: string; event: string; data: any };

export type EventReader = {
  answer: Response;
  /** The next event, within 10 s. */
  next(): Promise<ServerSentEvent>;
  /** The id a browser would send when it comes again. */
  lastId(): string;
  /** Every block so far, comments too. */
  text(): string;
  /** Resolves once the server has ended or cut the stream. */
  ended: Promise<void>;
  close(): void;
};

/** A stream of events as a browser's EventSource reads it. */
export async function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const gone = new AbortController();
  const answer = await fetch(url, { headers, signal: gone.signal });
  expect(answer.status).toBe(200);
  const events: ServerSentEvent[] = [];
  let lastId = '';
  let text = '';
  let rest = '';

  const take = (block: string) => {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    );
    lastId = fields.get('id') ?? lastId;
    const data = fields.get('data');
    if (data !== undefined)
      events.push({ id: lastId, event: fields.get('event') ?? 'message', data: JSON.parse(data) });
  };
  const read = async () => {
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      rest += chunk;
      for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
        take(rest.slice(0, end));
        rest = rest.slice(end + 2);
      }
    }
  };
  return {
    answer,
    async next() {
      for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(5)) {
        const event = events.shift();
        if (event) return event;
      }
      throw new Error(`no event within 10 s; so far:\n${text}`);
    },
    lastId: () => lastId,
    text: () => text,
    ended: read().catch(() => {}),
    close: () => gone.abort(),
  };
}
