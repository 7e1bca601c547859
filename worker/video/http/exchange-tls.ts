import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import { Agent } from 'node:https';
import got, { type Response } from 'got';
import {
  bodyOf,
  type Exchange,
  isClosed,
  type Line,
  type LineOptions,
  type RangeRequest,
  userAgent,
} from './exchange.ts';
import { failureOfExchange, protocolSwitched } from './failure.ts';
import { agentOptions, pinned } from './pinned-connect.ts';

/**
 * Over HTTPS, by got, whose time limits know the phases of TLS. It costs three times the CPU of node:http, which is why
 * plain HTTP goes without it (exchange.ts).
 */
export function openHttps(origin: URL, { connections, timeoutMs }: LineOptions): Line {
  const agent = pinned(new Agent(agentOptions(connections)), origin);
  const client = got.extend({
    agent: { https: agent },
    headers: { 'accept-encoding': 'identity', 'user-agent': userAgent },
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
  async function ask(asked: RangeRequest): Promise<Exchange> {
    const { url, start, end, meter, signal } = asked;
    signal.throwIfAborted();
    meter.requests += 1;
    const stream = client.stream(url, { headers: { range: `bytes=${start}-${end - 1}` }, signal });
    // The body's iterator reports every error; between two of its steps nobody listens, and Node would end the process.
    stream.on('error', () => {});
    // got leaves it at that: no answer, no error, no end.
    stream.once('request', (request: ClientRequest) =>
      request.once('upgrade', (_response, socket) => {
        socket.destroy();
        stream.destroy(protocolSwitched());
      }),
    );
    try {
      const [response]: Response[] = await once(stream, 'response');
      if (response === undefined) throw new Error('got announced an answer and gave none');
      const { statusCode, headers } = response;
      return { statusCode, headers, body: bodyOf(stream, asked) };
    } catch (error) {
      signal.throwIfAborted();
      // The server may close an idle connection at the very moment it is used again; no answer came, so ask anew.
      if (stream.reusedSocket && isClosed(error)) return ask(asked);
      throw failureOfExchange(error, 'before the answer');
    }
  }
  return { ask, close: () => agent.destroy() };
}
