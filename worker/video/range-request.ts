import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import got, { type Got, type Request, RequestError, type Response } from 'got';
import { RedirectRefused } from '../errors.ts';
import { failureOfExchange } from './http-failure.ts';
import { discard, type RangeAnswer, readAnswer } from './range-answer.ts';
import type { Meter } from './video.ts';

const mostRedirects = 3;

export type VideoClient = { got: Got; close(): void };

export type RangeRequest = { url: URL; start: number; end: number; meter: Meter; signal: AbortSignal };

/**
 * Keep-alive connections to video servers, all closed by `close`. Environment proxies are not used.
 * @param timeoutMs the longest silence: to connect, until the answer, until its next bytes. A whole request may take
 *   three times as long, which ends a server that sends drop by drop.
 */
export function createVideoClient(timeoutMs: number): VideoClient {
  const agent = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) };
  const client = got.extend({
    agent,
    headers: { 'accept-encoding': 'identity', 'user-agent': 'video-alert-pipeline' },
    decompress: false,
    followRedirect: false,
    throwHttpErrors: false,
    // The queue retries, with delays that grow.
    retry: { limit: 0 },
    timeout: {
      lookup: timeoutMs,
      connect: timeoutMs,
      secureConnect: timeoutMs,
      response: timeoutMs,
      socket: timeoutMs,
      request: 3 * timeoutMs,
    },
  });
  return {
    got: client,
    close() {
      agent.http.destroy();
      agent.https.destroy();
    },
  };
}

/** Asks for the bytes [start, end); follows redirects within the origin. Throws a VideoError or the signal's reason. */
export async function requestRange(client: VideoClient, request: RangeRequest): Promise<RangeAnswer> {
  let { url } = request;
  for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
    const { response, body } = await exchange(client, { ...request, url });
    const { location } = response.headers;
    const redirected = [301, 302, 303, 307, 308].includes(response.statusCode) && location !== undefined;
    if (!redirected) return readAnswer(response, { ...request, url }, body);
    await discard(body, request.signal);
    url = withinOrigin(location, url);
  }
  throw new RedirectRefused(`the video server redirects more than ${mostRedirects} times`);
}

type Exchange = { response: Response; body: AsyncGenerator<Uint8Array, void> };

async function exchange(client: VideoClient, request: RangeRequest): Promise<Exchange> {
  const stream = send(client, request);
  try {
    const [response]: Response[] = await once(stream, 'response');
    if (response === undefined) throw new Error('got announced an answer and gave none');
    return { response, body: bodyOf(stream, request) };
  } catch (error) {
    request.signal.throwIfAborted();
    // The server may close an idle connection at the very moment it is used again; no answer came, so ask anew.
    const closed = error instanceof RequestError && ['ECONNRESET', 'EPIPE'].includes(error.code);
    if (closed && stream.reusedSocket) return exchange(client, request);
    throw failureOfExchange(error);
  }
}

function send(client: VideoClient, { url, start, end, meter, signal }: RangeRequest): Request {
  signal.throwIfAborted();
  meter.requests += 1;
  const stream = client.got.stream(url, { headers: { range: `bytes=${start}-${end - 1}` }, signal });
  // The body's iterator reports every error; between two of its steps nobody listens, and Node would end the process.
  stream.on('error', () => {});
  return stream;
}

async function* bodyOf(stream: Request, { meter, signal }: RangeRequest): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of stream) {
      meter.bytesFetched += chunk.length;
      yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw failureOfExchange(error);
  }
}

function withinOrigin(location: string, url: URL): URL {
  if (!URL.canParse(location, url.href)) throw new RedirectRefused('the video server redirects to no URL');
  const target = new URL(location, url);
  if (target.origin !== url.origin) throw new RedirectRefused('the video server redirects to another origin');
  target.username = url.username;
  target.password = url.password;
  return target;
}
