import { expect, vi } from 'vitest';

// biome-ignore lint/suspicious/noExplicitAny: every use of the data is an assertion about its shape
export type ServerSentEvent = { id: string; event: string; data: any };

export type EventReader = {
  response: Response;
  /** Resolves with the next event, except heartbeats. */
  next(): Promise<ServerSentEvent>;
  /** The id that a browser would send when it reconnects. */
  lastId(): string;
  /** Everything received so far, with heartbeats. */
  text(): string;
  /** Resolves once the server has ended or aborted the stream. */
  ended: Promise<void>;
  close(): void;
};

/** Opens a stream of events and reads it like a browser's EventSource. */
export async function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const aborter = new AbortController();
  const response = await fetch(url, { headers, signal: aborter.signal });
  expect(response.status).toBe(200);
  const events: ServerSentEvent[] = [];
  let lastId = '';
  let text = '';
  let rest = '';

  const addBlock = (block: string) => {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    );
    lastId = fields.get('id') ?? lastId;
    const data = fields.get('data');
    if (data === undefined || fields.get('event') === 'ping') return;
    events.push({ id: lastId, event: fields.get('event') ?? 'message', data: JSON.parse(data) });
  };
  const read = async () => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      rest += chunk;
      for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
        addBlock(rest.slice(0, end));
        rest = rest.slice(end + 2);
      }
    }
  };
  return {
    response,
    async next() {
      return vi.waitFor(
        () => {
          const event = events.shift();
          if (!event) throw new Error(`no event received; so far:\n${text}`);
          return event;
        },
        { timeout: 50_000, interval: 5 },
      );
    },
    lastId: () => lastId,
    text: () => text,
    ended: read().catch(() => {}),
    close: () => aborter.abort(),
  };
}
