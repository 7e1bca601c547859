import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { DESTINATION_COUNT } from './faults.ts';
import type { DestinationFilter, History } from './history.ts';
import { type Receiver, startReceiver } from './receivers.ts';

/** A webhook destination and its receiver. */
export type Destination = { filter: DestinationFilter; receiver: Receiver };

export type Destinations = {
  all: Destination[];
  /** Creates the destinations through the HTTP API. */
  create(signal: AbortSignal): Promise<void>;
  /** Enables or disables a destination through the HTTP API; retries until an api responds. */
  setEnabled(destination: Destination, enabled: boolean, signal: AbortSignal): Promise<void>;
  /** Retries every delivery whose attempts are used up. */
  retryFailed(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

/** The variables of api and worker that destinations need. */
export const DESTINATION_SETTINGS = {
  SECRETS_KEY: Buffer.alloc(32, 'chaos').toString('base64'),
  DESTINATION_ALLOW_CIDRS: '127.0.0.1/32',
  // Short, so that receivers that stall, and alerts that are late, occur in a run of one minute.
  DELIVERY_TIMEOUT_MS: '8000',
  LATE_AFTER: '20s',
  // After the faults, everything that is pending is sent again in bounded time.
  DELIVERY_BACKLOG_RATE: '200',
};

/** The body of a request is limited to 16 KiB. */
const MAX_FILTERED_STORES = 400;

/** Returns one destination for all events, one for failures, and one for some stores, which are spread over the run. */
export function filtersOf(count: number, alerts: number): DestinationFilter[] {
  const step = Math.max(3, Math.ceil(alerts / MAX_FILTERED_STORES));
  const stores = Array.from({ length: Math.floor((alerts - 1) / step) + 1 }, (_, n) => `chaos-${n * step}`);
  return [
    { name: 'all-events', stores: [], events: [] },
    { name: 'failures', stores: [], events: ['alert.failed'] },
    { name: 'some-stores', stores, events: [] },
  ].slice(0, Math.min(count, DESTINATION_COUNT));
}

/** Starts the receivers. The destinations do not exist yet. */
export async function openDestinations(
  filters: DestinationFilter[],
  apiOrigins: [string, string],
  history: History,
): Promise<Destinations> {
  const all: Destination[] = [];
  for (const filter of filters) {
    all.push({ filter, receiver: await startReceiver(filter.name, history.received) });
    history.destinations.push(filter);
  }
  const ids = new Map<Destination, string>();
  return {
    all,
    async create(signal) {
      for (const destination of all) {
        const { id, signing_secret } = await createDestination(apiOrigins, destination, signal);
        ids.set(destination, id);
        destination.receiver.secret = signing_secret;
      }
    },
    async setEnabled(destination, enabled, signal) {
      const path = `/destinations/${ids.get(destination)}`;
      // Disabled for certain: from the response to the one request, to the other request.
      if (enabled) endDisabledPeriod(history, destination);
      await request(apiOrigins, { method: 'PATCH', path, body: { enabled } }, signal);
      const { name } = destination.filter;
      if (!enabled) history.disabled.push({ destination: name, from: Date.now(), to: Number.POSITIVE_INFINITY });
    },
    async retryFailed(signal) {
      const body = { dry_run: false, max: 10_000 };
      await request(apiOrigins, { method: 'POST', path: '/deliveries/retry', body }, signal);
    },
    async close() {
      for (const { receiver } of all) await receiver.close();
    },
  };
}

function endDisabledPeriod({ disabled }: History, { filter }: Destination): void {
  const last = disabled.findLast(({ destination }) => destination === filter.name);
  if (last?.to === Number.POSITIVE_INFINITY) last.to = Date.now();
}

const createdSchema = z.looseObject({ id: z.string(), signing_secret: z.string() });

async function createDestination(apiOrigins: [string, string], { filter, receiver }: Destination, signal: AbortSignal) {
  const { name, stores, events } = filter;
  const body = { name, kind: 'webhook', config: { url: receiver.url }, filter: { stores, events } };
  return createdSchema.parse(await request(apiOrigins, { method: 'POST', path: '/destinations', body }, signal));
}

type ApiRequest = { method: string; path: string; body: unknown };

const RETRY_MS = 300;
/** Longer than an api waits for a frozen database. */
const REQUEST_TIMEOUT_MS = 20_000;

/** Sends a request, to the other api each time, until a response is not 5xx. Throws for 4xx. */
async function request(
  apiOrigins: [string, string],
  { method, path, body }: ApiRequest,
  signal: AbortSignal,
): Promise<unknown> {
  for (let tries = 0; ; tries += 1) {
    signal.throwIfAborted();
    const origin = apiOrigins[tries % 2 === 0 ? 0 : 1];
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    }).catch(() => undefined);
    const text = await response?.text().catch(() => undefined);
    if (response && text !== undefined && response.status < 500) {
      if (!response.ok) throw new Error(`${method} ${path} got ${response.status}: ${text}`);
      return JSON.parse(text);
    }
    await sleep(RETRY_MS, undefined, { signal });
  }
}
