import { ConnectionError, isRetryable, VideoAlertsError } from './errors.ts';
import { type EventBlock, EventParser } from './event-parser.ts';
import { type Connection, delayAfter, type Retry, sleep, Timeout } from './http.ts';
import { queryString } from './query-string.ts';
import type { AlertEvent, EventQuery } from './types.ts';

export type EventOptions = EventQuery & {
  /** The `id` of the last event that was handled: the stream continues after it. Default: it starts now. */
  lastEventId?: string | undefined;
  /** Ends the stream: the iterator throws the signal's reason. */
  signal?: AbortSignal | undefined;
};

type ChangeType = Exclude<AlertEvent['type'], 'reset'>;

/** The API sends something every 5 s. */
const SILENCE_MS = 10_000;
/** Until the response: the API looks up the position in its database. */
const OPEN_MS = 20_000;

/**
 * Yields changes as they happen and reconnects after errors, for as long as the caller iterates. Each connection continues
 * where the last one ended. Throws if another connection cannot help, such as after a 401.
 */
export async function* readEvents(
  connection: Connection,
  options: EventOptions,
  onRetry: (retry: Retry) => void,
): AsyncGenerator<AlertEvent, never, void> {
  const { signal, lastEventId, ...query } = options;
  let position = lastEventId;
  for (let attempt = 1; ; attempt += 1) {
    let failure = new VideoAlertsError('the server ended the stream');
    try {
      for await (const block of openStream(connection, query, position, signal)) {
        attempt = 0;
        position = block.id ?? position;
        const event = eventOf(block, position);
        if (event) yield event;
      }
    } catch (error) {
      if (!(error instanceof VideoAlertsError) || !isRetryable(error)) throw error;
      failure = error;
    }
    const delayMs = delayAfter(failure, Math.max(1, attempt));
    onRetry({ error: failure, attempt: Math.max(1, attempt), delayMs });
    await sleep(delayMs, signal);
  }
}

/** Yields the blocks of one connection until the server ends it. */
async function* openStream(
  connection: Connection,
  query: EventQuery,
  position: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventBlock> {
  const timeout = new Timeout(OPEN_MS, signal);
  try {
    const headers = { accept: 'text/event-stream', ...(position !== undefined && { 'last-event-id': position }) };
    const response = await connection.open(`/alerts/events${queryString(query)}`, headers, timeout.signal);
    if (!response.body) throw new ConnectionError('the response of the event stream has no body');
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    for (;;) {
      timeout.restart(SILENCE_MS);
      const { done, value } = await reader.read();
      timeout.stop(); // the caller may take its time
      if (done) return;
      yield* parser.push(value);
    }
  } catch (error) {
    throw connection.asError(error, signal, timeout.passed ? 'no event within 10 s' : undefined);
  } finally {
    timeout.close();
  }
}

function eventOf({ event, data }: EventBlock, id: string | undefined): AlertEvent | undefined {
  if (id === undefined) return undefined;
  if (event === 'reset') return { type: 'reset', id };
  // Clients ignore names that they do not know, such as ping.
  if (!/^alert\.(pending|processing|processed|failed)$/.test(event)) return undefined;
  return { type: event as ChangeType, id, alert: JSON.parse(data) }; // as in openapi.json
}
