import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { certificate } from '#test/harness/video-server.ts';
import type { AddressGuard } from '../address-guard.ts';
import { createAddressGuard, type Resolve } from '../address-guard.ts';
import { type AlertJson, type Message, type SendContext, SendError, type Sent } from '../kind.ts';

const pem = readFileSync(certificate, 'utf8');
/** A key and a certificate for localhost and 127.0.0.1, self-signed. */
export const tls = { key: pem, cert: pem };

/** From now on this process trusts `tls`, as with NODE_EXTRA_CA_CERTS. */
export function trustTestCertificate(): void {
  setDefaultCACertificates([...getCACertificates('default'), pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))]);
}

/** A guard that allows everything, with a resolver of its own if given. */
export function openGuard(resolve?: Resolve): AddressGuard {
  return createAddressGuard({ isBlocked: () => false, resolve });
}

export const ALERT: AlertJson = {
  uuid: '35df2857-3a48-4985-aed0-e68b5ae4c968',
  status: 'processed',
  video: '/videos/test_1.avi',
  store: 'test-store',
  timestamp: 1748871320.6882,
  resolution: '1280x720',
  failure: null,
  received_at: '2025-06-02T13:35:21.000Z',
  processed_at: '2025-06-02T13:35:22.000Z',
  links: { self: '/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968' },
};

export const FAILED: AlertJson = {
  ...ALERT,
  status: 'failed',
  resolution: null,
  failure: { code: 'video_not_found', detail: 'the video server responded with status 404', retryable: false },
};

/** A WebP file of one pixel. */
export const WEBP = Buffer.from('UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA', 'base64');
export const PICTURE_LINK =
  'https://alerts.example.com/media/picture/35df2857-3a48-4985-aed0-e68b5ae4c968?expires=1748957722&key=00&signature=a-b_c';

const SILENCE = {
  camera: 'entrance',
  since: new Date('2025-06-02T10:12:40.000Z'),
  lastAlertAt: new Date('2025-06-02T13:35:20.000Z'),
  expected: 41.27,
};
const base = {
  id: '0c7c8f0e-3f7c-4a52-9d0b-0c2d5c2f1a11',
  createdAt: new Date('2025-06-02T13:35:22.500Z'),
  store: 'test-store',
  links: {
    alert: 'https://alerts.example.com/#/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968',
    list: 'https://alerts.example.com/#/?store=test-store',
  },
};

/** One message of each event, and a group. */
export const MESSAGES: Record<string, Message> = {
  processed: { ...base, event: 'alert.processed', alert: ALERT },
  failed: { ...base, event: 'alert.failed', alert: FAILED },
  late: {
    ...base,
    event: 'alert.late',
    alert: { ...ALERT, status: 'pending', resolution: null, processed_at: null },
    late: {
      reason: 'the video server responded with status 503',
      since: new Date('2025-06-02T13:33:21.000Z'),
      nextAttemptAt: new Date('2025-06-02T13:40:00.000Z'),
    },
  },
  grouped: {
    ...base,
    event: 'alert.failed',
    alert: FAILED,
    group: {
      store: 'test-store',
      count: 250,
      alerts: Array.from({ length: 100 }, (_, index) => ({
        ...(index % 2 ? ALERT : FAILED),
        timestamp: 1748871320 + index,
      })),
      from: new Date('2025-06-02T13:35:22.500Z'),
      to: new Date('2025-06-02T13:40:22.500Z'),
    },
  },
  silent: { ...base, event: 'store.silent', silence: { ...SILENCE, lastAlertAt: SILENCE.since } },
  back: { ...base, event: 'store.back', silence: SILENCE },
  allSilent: { ...base, event: 'store.silent', store: null, silence: SILENCE },
  test: { id: base.id, createdAt: base.createdAt, event: 'test', store: null, links: {} },
  pictured: {
    ...base,
    event: 'alert.processed',
    alert: ALERT,
    picture: { bytes: WEBP, width: 640, height: 360, link: PICTURE_LINK },
  },
  unpictured: {
    ...base,
    event: 'alert.processed',
    alert: ALERT,
    picture: { reason: 'frame_damaged', detail: 'the first key frame is damaged' },
  },
};

export function messageOf(name: keyof typeof MESSAGES, changes: Partial<Message> = {}): Message {
  const message = MESSAGES[name];
  if (!message) throw new Error(`no message ${name}`);
  return { ...message, ...changes };
}

/** A store, a video and a failure detail as unfriendly as the API lets them be. */
export const HOSTILE = '<b>&"\'`*_~|[x](http://evil.example)<!channel><@U1>@everyone\u202e{{7*7}}=%0d%0a';

export function contextOf(timeoutMs = 30_000, now = new Date()): SendContext {
  return {
    signal: AbortSignal.timeout(timeoutMs),
    destination: { id: '7a4f3b0e-5a63-4b52-8f0e-2f2f9a1f0b11', name: 'test-destination' },
    now: () => now,
  };
}

/** Returns the SendError of a send that must fail. */
export async function failureOf(sending: Promise<Sent>): Promise<SendError> {
  const result = await sending.then(
    (sent) => sent,
    (error: unknown) => error,
  );
  if (!(result instanceof SendError)) throw new Error(`not a SendError: ${JSON.stringify(result)} ${result}`);
  return result;
}

/** Accepts connections and sends nothing. */
export async function openMuteServer(): Promise<AsyncDisposable & { port: number; readonly open: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).resume());
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
