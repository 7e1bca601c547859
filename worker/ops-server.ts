import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { Registry } from '@prometheus-io/client';

/** Resolves with undefined if the component works, otherwise with one sentence. Never rejects. */
export type Check = () => Promise<string | undefined>;

export type OpsServer = { port: number; close(): Promise<void> };

/**
 * Starts the worker's HTTP server for operators. GET /livez: the process responds. GET /readyz: the worker takes jobs,
 * otherwise 503 with the failed checks. GET /metrics: for Prometheus. An unavailable video server does not make the worker
 * unready. Throws one sentence if it cannot listen.
 */
export async function startOpsServer(options: {
  host: string;
  port: number;
  checks: Record<string, Check>;
  /** Checks what alerts do not need. If something fails, the status is `degraded` and the response 200. */
  deferrable?: () => Promise<Record<string, string | undefined>>;
  metrics: Registry;
}): Promise<OpsServer> {
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, async (request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (!['/livez', '/readyz', '/metrics'].includes(path ?? '')) return send(response, 404, { status: 'not found' });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return send(response, 405, { status: 'method not allowed' });
    }
    if (path === '/livez') return send(response, 200, { status: 'alive' });
    if (path === '/metrics') {
      response.setHeader('Content-Type', options.metrics.contentType);
      return void response.end(await options.metrics.metrics());
    }
    const checks = await runChecks(options.checks);
    const ready = Object.values(checks).every((result) => result === 'ok');
    const others = Object.entries((await options.deferrable?.()) ?? {});
    for (const [name, error] of others) checks[name] = error ?? 'ok';
    const degraded = others.some(([, error]) => error !== undefined);
    const status = !ready ? 'not ready' : degraded ? 'degraded' : 'ready';
    send(response, ready ? 200 : 503, { status, checks });
  });
  try {
    await once(server.listen(options.port, options.host), 'listening');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const reason =
      code === 'EADDRINUSE'
        ? 'another program uses this port. Each worker of a host needs its own, or OPS_PORT=off'
        : String(code ?? cause);
    throw new Error(`cannot listen on ${options.host}:${options.port} (OPS_PORT): ${reason}`, { cause });
  }
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      // Requests here only read health and metrics: none is worth waiting for.
      server.closeAllConnections();
      await closed;
    },
  };
}

async function runChecks(checks: Record<string, Check>): Promise<Record<string, string>> {
  const results = Object.entries(checks).map(async ([name, check]) => [name, (await check()) ?? 'ok'] as const);
  return Object.fromEntries(await Promise.all(results));
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
}
