import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { openDatabase } from '#prisma/client.ts';
import { freePort } from '#test/harness/ports.ts';
import { startStack } from '#test/harness/stack.ts';
import { startVideoServer } from '#test/harness/video-server.ts';
import { PATIENTLY } from './worker-fixture.ts';

const WAITING = 2_000;
const VIDEOS = join(import.meta.dirname, '../../nginx/videos');

describe('with a queue on postgres', () => outageOfOne('postgres'));
describe.skipIf(inject('redisUrl') === null)('with a queue on redis', () => outageOfOne('redis'));

function outageOfOne(backend: 'postgres' | 'redis') {
  it(`2,000 alerts of a source that is down do not affect others, and are processed after it`, {
    timeout: 600_000,
  }, async () => {
    const port = await freePort();
    const dead = await startDeadServer(port);
    const stack = await startStack({
      backend,
      videos: 'nginx',
      videosFolder: VIDEOS,
      env: { SOURCES_FILE: sourcesFile(port) },
    });
    onTestFinished(stack.close, 60_000);
    const db = openDatabase(stack.databaseUrl, { poolSize: 1, onError: () => {} });
    onTestFinished(() => db.$disconnect());
    const count = (where: object) => db.alert.count({ where });
    // Half of them select the source, half are of stores that the file maps to it.
    await sendParis(stack.request, (n) => (n % 2 === 0 ? { source: 'paris' } : { store: `paris-${n % 20}` }));
    const named = { lastError: { startsWith: 'video_server_unreachable: source paris: ' } };
    await vi.waitFor(async () => expect(await count({ status: 'pending', ...named })).toBe(WAITING), PATIENTLY);
    const metrics = await (await fetch(`${stack.opsUrl}/metrics`)).text();
    expect(metrics).toContain('video_source_up{source="paris"} 0');
    expect(metrics).toContain('video_source_up{source="default"} 1');
    const others = await Promise.all(Array.from({ length: 40 }, (_, n) => stack.post({ store: `berlin-${n}` })));
    for (const uuid of others) expect(await stack.waitUntilNotified(uuid)).toMatchObject({ status: 'processed' });
    expect(await count({ status: 'pending', ...named })).toBe(WAITING);
    // The attempts in all 128 slots when the breaker opened, and probes.
    expect(dead.connections()).toBeLessThanOrEqual(128 + 20);
    await dead.close();
    const server = await startVideoServer({ root: VIDEOS, port });
    onTestFinished(server.close);
    await vi.waitFor(async () => expect(await count({ status: 'processed' })).toBe(WAITING + others.length), {
      ...PATIENTLY,
      timeout: 400_000,
    });
    expect(server.requests.length).toBeGreaterThanOrEqual(WAITING);
  });
}

function sourcesFile(port: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'sources-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'sources.yaml');
  writeFileSync(
    file,
    `sources: { paris: { kind: http, url: 'http://127.0.0.1:${port}' } }\nstores: { paris-*: paris }\n`,
  );
  return file;
}

/** A server that resets every connection. */
async function startDeadServer(port: number): Promise<{ connections(): number; close(): Promise<void> }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {});
    socket.resetAndDestroy();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { connections: () => connections, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function sendParis(
  request: (path: string, init: RequestInit) => Promise<Response>,
  fieldsOf: (n: number) => object,
): Promise<void> {
  for (let sent = 0; sent < WAITING; sent += 500) {
    const alerts = Array.from({ length: 500 }, (_, n) => ({
      ...{ uuid: randomUUID(), video: '/right/test_1.avi', store: 'other', timestamp: 1 },
      ...fieldsOf(sent + n),
    }));
    const body = JSON.stringify({ alerts });
    const response = await request('/alerts/batch', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(200);
  }
}
