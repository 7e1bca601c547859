import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fillAlerts } from '#bench/fill.ts';
import { type Database, openDatabase } from '#prisma/client.ts';
import { DatabaseUnavailable } from '#prisma/errors.ts';
import { PAGE } from '#prisma/exports.ts';
import type { StaleReads } from '#prisma/replica.ts';
import { MAX_COMPARED } from '#prisma/search.ts';
import { startPublicEndpoint } from '#test/harness/nginx.ts';
import { killAllProcesses, startProcess, waitUntilReady } from '#test/harness/process.ts';
import { createTestDatabase, type TestDatabase } from '#test/harness/test-database.ts';
import { authenticate } from '../../auth/client.ts';
import { problemHandler } from '../../http/problem.ts';
import { requestContext } from '../../http/request-context.ts';
import { POLL } from '../../test/test-api.ts';
import { exportRoutes } from '../routes.ts';

const ROWS = 200_000;
const MIB = 2 ** 20;
const OPTIONS = { timeout: 600_000 };

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase({ queue: true });
  await fillAlerts(database.url, { from: 0, to: ROWS });
  db = openDatabase(database.url, { poolSize: 4, onError: () => {} });
}, OPTIONS.timeout);
afterAll(async () => {
  await killAllProcesses();
  await db?.$disconnect();
  await database?.drop();
});

/** Serves the route, whose reads can fail after a number of them, and returns the socket of the first connection and the number of reads so far. */
async function serve(failsAfter = Number.POSITIVE_INFINITY) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line) => lines.push(JSON.parse(line)) });
  let reads = 0;
  const app = express().use(requestContext(log), authenticate('off'));
  const staleReads: StaleReads = async (read) => {
    reads += 1;
    if (reads > failsAfter) throw new DatabaseUnavailable(new Error('connection lost'));
    return read(db);
  };
  app.use(exportRoutes({ db, staleReads }), problemHandler);
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = new Promise<Socket>((resolve) => server.once('connection', resolve));
  return { server, socket, lines, reads: () => reads, port: () => (server.address() as AddressInfo).port };
}

/** Requests an export, and reads only its first bytes. */
async function startReading(port: number): Promise<Socket> {
  const reader = connect(port, '127.0.0.1');
  reader.write('GET /alerts/export HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await new Promise((resolve) => reader.once('readable', resolve));
  return reader;
}

describe(`an export of ${ROWS} alerts`, OPTIONS, () => {
  it('takes constant memory, has every alert once, and is sorted', async () => {
    // All rows at once take more than 500 MiB.
    const api = { name: 'api', entry: 'api/index.ts', nodeArgs: ['--max-old-space-size=256'] };
    const env = { DATABASE_URL: database.url, PORT: '0', AUTH: 'off' };
    const { port } = Object(await waitUntilReady(startProcess({ ...api, env })));
    const url = `http://127.0.0.1:${port}`;
    const memory = async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / MIB;
    };
    const before = await memory();
    let [peak, bytes, rest, unsorted] = [0, 0, '', 0];
    const uuids = new Set<string>();
    let last = '9999';
    const decoder = new TextDecoder();
    const { body } = await fetch(`${url}/alerts/export`);
    for await (const chunk of body ?? []) {
      if (Math.floor(bytes / MIB) < Math.floor((bytes + chunk.length) / MIB)) peak = Math.max(peak, await memory());
      bytes += chunk.length;
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const cells = line.split(',');
        if (cells[0] === 'uuid') continue;
        uuids.add(`${cells[0]}`);
        if (cells[7] === undefined || cells[7] > last) unsorted += 1;
        last = `${cells[7]}`;
      }
    }
    expect([uuids.size, rest, unsorted]).toEqual([ROWS, '', 0]);
    expect(bytes).toBeGreaterThan(40 * MIB);
    expect(peak - before, `${before} to ${peak} MiB`).toBeLessThan(200);
  });

  it('waits for a slow reader, and then sends everything', async () => {
    const { server, socket, reads, port } = await serve();
    const reader = await startReading(port());
    const served = await socket;
    await expect.poll(() => served.writableNeedDrain, POLL).toBe(true);
    // A page and the one after it: the rest is in the buffers of the two sockets.
    expect(served.writableLength).toBeLessThan(2 * MIB);
    expect(reads()).toBeLessThan(ROWS / PAGE);
    let [lines, end] = [0, ''];
    reader.setEncoding('utf8').on('data', (text: string) => {
      lines += text.match(/\r\n0{8}-/g)?.length ?? 0;
      end = (end + text).slice(-5);
    });
    await new Promise((resolve) => reader.once('close', resolve));
    expect(end).toBe('0\r\n\r\n');
    // A row may begin at the border of two chunks of HTTP or of two reads, where the expression misses it.
    expect(lines).toBeGreaterThan(ROWS * 0.95);
    expect(reads()).toBe(2 * (ROWS / PAGE) + 1);
    server.close();
  });

  it('ends when the client disconnects', async () => {
    const { server, socket, lines, reads, port } = await serve();
    const reader = await startReading(port());
    const served = await socket;
    await expect.poll(() => served.writableNeedDrain, POLL).toBe(true);
    reader.destroy();
    await expect.poll(() => lines.map(({ msg }) => msg), POLL).toContain('export aborted by the client');
    expect(reads()).toBeLessThan(ROWS / PAGE);
    server.close();
  });

  it('compares the file names of all alerts with q, however old they are', async () => {
    const { server, port } = await serve();
    const text = await (await fetch(`http://127.0.0.1:${port()}/alerts/export?q=camera-77.mp4`)).text();
    expect(ROWS).toBeGreaterThan(5 * MAX_COMPARED);
    expect(text.match(/\/videos\/camera-77\.mp4/g)).toHaveLength(ROWS / 1_000);
    server.close();
  });

  it('through nginx is complete, or its connection is closed', async (context) => {
    const [whole, failing] = [await serve(), await serve(100)];
    const [proxy, failingProxy] = [
      await startPublicEndpoint({ apis: [whole.port()] }),
      await startPublicEndpoint({ apis: [failing.port()] }),
    ];
    if ('missing' in proxy || 'missing' in failingProxy) return context.skip();
    const text = await (await fetch(`http://127.0.0.1:${proxy.ports.api}/alerts/export?store=store-7`)).text();
    expect(text.match(/,store-7,/g)).toHaveLength(await db.alert.count({ where: { store: 'store-7' } }));
    const response = await fetch(`http://127.0.0.1:${failingProxy.ports.api}/alerts/export`);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
    await Promise.all([proxy.close(), failingProxy.close()]);
    for (const { server } of [whole, failing]) server.close();
  });
});
