import { once } from 'node:events';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import got, { type Response } from 'got';
import { retryAfterMs } from '../video/http/failures.ts';
import type { AddressGuard } from './address-guard.ts';
import { SendError, type Sent } from './kind.ts';
import { excerpt, sendErrorOf } from './send-errors.ts';

/** The rest of a response is not read: its status is the result, and the operator sees 1 kB of its body. */
const MAX_READ_BYTES = 16 * 1024;
/** Nor is the rest read after this time: a receiver that accepted the message and then drips must not fail it. */
const MAX_READ_MS = 2_000;
/** Shorter than the 5 s after which Node and Apache close an idle connection. */
const IDLE_MS = 4_000;

export type Post = {
  url: string;
  headers?: Record<string, string>;
  body: string;
  signal: AbortSignal;
  /** Removed from the excerpt of the response: some receivers echo the request. */
  secrets?: readonly string[];
};

export type HttpSender = {
  /** Resolves for a 2xx response and throws SendError for any other. Redirects are not followed. */
  post(request: Post): Promise<Sent>;
  /** Closes idle connections. Those in use end with their requests' signals. */
  close(): void;
};

/** Sends through the guard's connections only: no proxies from the environment, no HTTP/2, TLS always verified. */
export function createHttpSender(guard: AddressGuard): HttpSender {
  const agents = openAgents(guard);
  const client = got.extend({
    agent: agents,
    http2: false,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    decompress: false,
    headers: { 'user-agent': 'video-alerts' },
  });
  return {
    async post({ url, headers = {}, body, signal, secrets = [] }) {
      signal.throwIfAborted();
      const request = client.stream.post(checkedUrl(url), { headers, body, signal });
      // Errors after the response, such as the end of a body that is not read, change nothing.
      request.on('error', () => {});
      try {
        const [response]: Response[] = await once(request, 'response');
        if (!response) throw new Error('no response');
        return resultOf(response, excerpt(await readStart(request), secrets));
      } catch (error) {
        throw sendErrorOf(error, signal);
      } finally {
        request.destroy();
      }
    },
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

function openAgents(guard: AddressGuard): { http: HttpAgent; https: HttpsAgent } {
  const options = { keepAlive: true, timeout: IDLE_MS, maxFreeSockets: 16 };
  const http = new HttpAgent(options);
  const https = new HttpsAgent(options);
  type Options = {
    host?: string | null | undefined;
    port?: number | string | null | undefined;
    servername?: string | undefined;
  };
  const open = (tls: boolean, { host, port, servername }: Options): Duplex =>
    guard.connect({ host: host ?? '', port: Number(port), tls, servername: servername || undefined });
  http.createConnection = (connectOptions) => open(false, connectOptions);
  https.createConnection = (connectOptions) => open(true, connectOptions);
  return { http, https };
}

/** A user name or password would become an Authorization header. */
function checkedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new SendError('the destination has no http or https URL');
  if (url.username || url.password) throw new SendError('the URL must not contain a user name or password');
  return url;
}

/** Returns at most 16 kB of the body; less if it ends, fails or takes long. Leaving the loop closes the connection. */
async function readStart(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  const timer = setTimeout(() => body.destroy(), MAX_READ_MS);
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_READ_BYTES) break;
    }
  } catch {
    // The status has arrived, and it is what counts.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, MAX_READ_BYTES).toString('utf8');
}

function resultOf({ statusCode: status, headers }: Response, body: string): Sent {
  if (status >= 200 && status < 300) return { status, body };
  if (status >= 300 && status < 400) {
    throw new SendError(`the receiver responded ${status}; redirects are not followed`, { status, body });
  }
  if (status === 410) throw new SendError('the receiver responded 410 Gone', { status, body, gone: true });
  const mayDelay = status === 429 || status === 503;
  const delay = mayDelay ? retryAfterMs(headers['retry-after']) : undefined;
  throw new SendError(`the receiver responded ${status}`, { status, body, retryAfterMs: delay });
}
