import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { Registry } from '@prometheus-io/client';

/** What may be asked of a part: undefined when it is well, else one sentence. Must not throw. */
export type Check = () => Promise<string | undefined>;

export type Ops = { port: number; close(): Promise<void> };

/**
 * The worker's own small door, for those who operate it: GET /livez, the process answers; GET /readyz, it takes alerts,
 * else 503 with what is at fault; GET /metrics, for Prometheus. A video server that is down is no fault of the worker's.
 * Throws one sentence where it cannot listen.
 */
export async function startOpsServer(options: {
  host: string;
  port: number;
  checks: Record<string, Check>;
  metrics: Registry;
}): Promise<Ops> {
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, async (request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (!['/livez', '/readyz', '/metrics'].includes(path ?? '')) return answer(response, 404, { status: 'not found' });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return answer(response, 405, { status: 'method not allowed' });
    }
    if (path === '/livez') return answer(response, 200, { status: 'alive' });
    if (path === '/metrics') {
      response.setHeader('Content-Type', options.metrics.contentType);
      return void response.end(await options.metrics.metrics());
    }
    const checks = await results(options.checks);
    const ready = Object.values(checks).every((result) => result === 'ok');
    answer(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks });
  });
  try {
    await once(server.listen(options.port, options.host), 'listening');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const why = code === 'EADDRINUSE' ? 'another program has this port' : String(code ?? cause);
    throw new Error(`it cannot listen on ${options.host}:${options.port} (OPS_PORT): ${why}`, { cause });
  }
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      // Only questions about health are asked here: none is worth waiting for.
      server.closeAllConnections();
      await closed;
    },
  };
}

async function results(checks: Record<string, Check>): Promise<Record<string, string>> {
  const told = Object.entries(checks).map(async ([name, check]) => [name, (await check()) ?? 'ok'] as const);
  return Object.fromEntries(await Promise.all(told));
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
}
