import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { freePort } from '#test/harness/ports.ts';
import type { ReceivedRequest } from './history.ts';

/** How a receiver responds. `cut header`, `cut body`: it dies in the middle of each response. */
export type Behaviour = 'accept' | 'error' | 'too many requests' | 'stall' | 'cut header' | 'cut body';

/** A webhook receiver on 127.0.0.1. */
export type Receiver = {
  url: string;
  /** The signing secret, as `whsec_…`. */
  secret: string;
  behaviour: Behaviour;
  /** Refuses connections and cuts the open ones, until `start`. */
  stop(): Promise<void>;
  /** Listens on the same port as before. */
  start(): Promise<void>;
  /** Ends the requests that wait for a response. */
  cutConnections(): void;
  close(): Promise<void>;
};

/** Long enough that a worker is sometimes killed while it waits for the response. */
const RESPONSE_MS = { min: 2, max: 30 };
const RETRY_AFTER_S = '2';

/** Starts a receiver that records every request. */
export async function startReceiver(destination: string, received: ReceivedRequest[]): Promise<Receiver> {
  const server = createServer((request, response) => {
    // An error: the worker has closed the connection, or the receiver is stopped.
    handle(request, response).catch(() => response.destroy());
  });
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request);
    const record = recordOf(destination, request.headers, body, receiver.secret);
    received.push(record);
    response.once('finish', () => {
      record.respondedAt = Date.now();
    });
    await respond(receiver.behaviour, response, record);
  };
  const port = await freePort();
  const listen = async () => {
    if (server.listening) return;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const stop = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/${destination}`,
    secret: '',
    behaviour: 'accept',
    stop,
    start: listen,
    cutConnections: () => server.closeAllConnections(),
    close: stop,
  };
  await listen();
  return receiver;
}

async function respond(behaviour: Behaviour, response: ServerResponse, record: ReceivedRequest): Promise<void> {
  if (behaviour === 'stall') return;
  await sleep(RESPONSE_MS.min + Math.random() * (RESPONSE_MS.max - RESPONSE_MS.min));
  if (response.destroyed) return;
  if (behaviour === 'cut header') {
    response.socket?.write('HTTP/1.1 2', () => response.destroy());
  } else if (behaviour === 'cut body') {
    // The status decides, as in Standard Webhooks: the delivery is accepted.
    record.status = 200;
    response.writeHead(200, { 'content-length': '100' }).write('the first part');
    record.respondedAt = Date.now();
    await sleep(RESPONSE_MS.min);
    response.destroy();
  } else {
    record.status = behaviour === 'accept' ? 200 : behaviour === 'error' ? 500 : 429;
    response.writeHead(record.status, record.status === 429 ? { 'retry-after': RETRY_AFTER_S } : {}).end('received');
  }
}

const bodySchema = z.looseObject({ type: z.string(), data: z.looseObject({ uuid: z.string().optional() }).optional() });

function recordOf(destination: string, headers: IncomingHttpHeaders, body: Buffer, secret: string): ReceivedRequest {
  const isSigned = isSignedWith(secret, headers, body);
  const { type = '', data } = isSigned ? bodySchema.parse(JSON.parse(body.toString())) : {};
  return {
    destination,
    id: String(headers['webhook-id'] ?? ''),
    event: type,
    uuid: data?.uuid ?? '',
    body: digestOf(body),
    isSigned,
    at: Date.now(),
    status: undefined,
    respondedAt: undefined,
  };
}

/** Without the picture: an attempt that follows later may have it, and a new link. */
function digestOf(body: Buffer): string {
  const stable = body.toString().replace(/"picture":(null|\{[^{}]*\})/, '');
  return createHash('sha256').update(stable).digest('hex').slice(0, 16);
}

const TOLERANCE_S = 300;

/** Verifies a request as https://www.standardwebhooks.com says, without the code that signed it. */
export function isSignedWith(secret: string, headers: IncomingHttpHeaders, body: Buffer): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > TOLERANCE_S) return false;
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  return String(signatures ?? '')
    .split(' ')
    .filter((each) => each.startsWith('v1,'))
    .map((each) => Buffer.from(each.slice(3), 'base64'))
    .some((each) => each.length === expected.length && timingSafeEqual(each, expected));
}
