import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { addPending } from '#prisma/alerts.ts';
import { readSources } from '#sources/file.ts';
import { certificate, startVideoServer, type VideoServer } from '#test/harness/video-server.ts';
import { createVideoSources, type VideoSources, videoUrl } from '../video/sources.ts';
import { FIXTURES, openWorkerFixture, PATIENTLY } from './worker-fixture.ts';

const VIDEO = 'h264.mp4';
const limits = { connections: 4, timeoutMs: 2_000, byteBudget: 8 * 1024 * 1024 };
const signal = new AbortController().signal;

/** Returns a folder for the file and its credentials. */
function openFolder(): { write(name: string, text: string): string } {
  const folder = mkdtempSync(join(tmpdir(), 'sources-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return {
    write(name, text) {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    },
  };
}

async function startServer(options: Partial<Parameters<typeof startVideoServer>[0]> = {}): Promise<VideoServer> {
  const server = await startVideoServer({ root: FIXTURES, ...options });
  onTestFinished(() => server.close());
  return server;
}

function openSources(videoServer: string, file: string): VideoSources {
  const sources = createVideoSources({ videoServer, sources: readSources(file), limits, attemptMs: 60_000 });
  onTestFinished(() => sources.close());
  return sources;
}

describe('the source of a video', () => {
  it('is that of the alert, else that of the store, else VIDEO_SERVER', async () => {
    const [main, first, second] = [await startServer(), await startServer(), await startServer()];
    const file = openFolder().write(
      'sources.yaml',
      `sources: { first: { kind: http, url: '${first.origin}/right' }, second: { kind: http, url: '${second.origin}' } }
stores: { 'berlin-*': second }`,
    );
    const sources = openSources(main.origin, file);
    await sources.open({ video: `/${VIDEO}`, store: 'berlin-1', source: 'first' }, { signal });
    await sources.open({ video: `/right/${VIDEO}`, store: 'berlin-1', source: null }, { signal });
    await sources.open({ video: `/right/${VIDEO}`, store: 'hamburg', source: null }, { signal });
    for (const server of [main, first, second]) {
      expect(server.requests.map(({ path }) => path)).toEqual([`/right/${VIDEO}`]);
      expect(server.connections).toBe(1);
    }
  });

  it('that does not exist is an error that is retried', async () => {
    const main = await startServer();
    const sources = openSources(main.origin, openFolder().write('sources.yaml', 'sources: {}'));
    const opening = sources.open({ video: `/right/${VIDEO}`, store: 's', source: 'gone' }, { signal });
    await expect(opening).rejects.toMatchObject({
      ...{ code: 'video_server_unreachable', permanent: false },
      message: 'it is not configured on this worker',
    });
    expect(main.requests).toEqual([]);
  });

  it('gets its headers and credentials, and no other server does', async () => {
    const [main, other] = [await startServer(), await startServer()];
    const folder = openFolder();
    folder.write('password', 'pass word\n');
    folder.write('token', 'token-1\n');
    const file = folder.write(
      'sources.yaml',
      `sources:
  basic: { kind: http, url: '${other.origin}', username: me, password_file: password, headers: { X-Tenant: t1 } }
  bearer: { kind: http, url: '${other.origin}', bearer_file: token }`,
    );
    const sources = openSources(main.origin, file);
    const open = (source: string | null, path: string) => sources.open({ video: path, store: 's', source }, { signal });
    await open('basic', `/right/${VIDEO}`);
    await open('bearer', `/right/${VIDEO}`);
    await open(null, `/right/${VIDEO}`);
    expect(other.requests.map(({ headers }) => [headers.authorization, headers['x-tenant']])).toEqual([
      [`Basic ${Buffer.from('me:pass word').toString('base64')}`, 't1'],
      ['Bearer token-1', undefined],
    ]);
    expect(main.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    const refused = await open('bearer', `/redirect-to/${VIDEO}?to=${encodeURIComponent(main.origin)}`).catch(
      (error) => error,
    );
    expect(JSON.stringify({ ...refused, text: `${refused.stack}` })).not.toContain('token-1');
    expect(main.requests).toHaveLength(1);
  });

  it('can have its own certificate authority and require a client certificate', async () => {
    const main = await startServer();
    const server = await startServer({ protocol: 'https', clientCertificates: true });
    const file = openFolder().write(
      'sources.yaml',
      `sources:
  right: { kind: http, url: '${server.origin}', ca_file: '${certificate}', cert_file: '${certificate}', key_file: '${certificate}' }
  anonymous: { kind: http, url: '${server.origin}', ca_file: '${certificate}' }
  unknown: { kind: http, url: '${server.origin}' }`,
    );
    const sources = openSources(main.origin, file);
    const open = (source: string) => sources.open({ video: `/right/${VIDEO}`, store: 's', source }, { signal });
    expect((await open('right')).size).toBeGreaterThan(0);
    await expect(open('anonymous')).rejects.toMatchObject({ permanent: false });
    await expect(open('unknown')).rejects.toMatchObject({ code: 'video_server_unreachable' });
    expect(server.requests).toHaveLength(1);
  });

  it('keeps its connections if a changed file has the same settings', async () => {
    const [main, other] = [await startServer(), await startServer()];
    const folder = openFolder();
    const settings = (more: string) => `sources: { same: { kind: http, url: '${other.origin}' }${more} }`;
    const file = folder.write('sources.yaml', settings(''));
    const sources = openSources(main.origin, file);
    const open = (source: string) => sources.open({ video: `/right/${VIDEO}`, store: 's', source }, { signal });
    await open('same');
    folder.write('sources.yaml', settings(`, new: { kind: http, url: '${main.origin}' }`));
    sources.replace(readSources(file));
    await open('same');
    await open('new');
    expect(other.connections).toBe(1);
    expect(main.requests).toHaveLength(1);
  });
});

describe('the URL of a video', () => {
  it.each([
    ['/a.mp4', 'http://v.example', 'http://v.example/a.mp4'],
    ['/a b+c%20d.mp4', 'http://v.example/base', 'http://v.example/base/a%20b+c%20d.mp4'],
    ['/../../a.mp4', 'http://v.example/base', 'http://v.example/base/a.mp4'],
    ['/%2e%2e/a.mp4', 'http://v.example/base', 'http://v.example/base/a.mp4'],
  ])('%s on %s', (path, base, url) => {
    expect(videoUrl(path, base).href).toBe(url);
  });

  it.each(['//other.example/a.mp4', 'http://other.example/a.mp4', '/\\other.example/a.mp4'])('is not %s', (path) => {
    expect(() => videoUrl(path, 'http://v.example/base')).toThrow('leads to another server');
  });
});

describe('a worker with SOURCES_FILE', () => {
  it('reads the file again on SIGHUP, and keeps the old one if the new one is invalid', async (test) => {
    const fixture = await openWorkerFixture(test);
    const other = await startServer();
    const folder = openFolder();
    const file = folder.write('sources.yaml', `sources: { first: { kind: http, url: '${other.origin}' } }`);
    const worker = fixture.startWorker({ SOURCES_FILE: file });
    const send = async (source: string) => {
      const { uuid, ...key } = { uuid: crypto.randomUUID(), requestId: 'r', store: 's' };
      await addPending(fixture.db, { uuid, ...key, source, video: `/right/${VIDEO}`, timestamp: 1 });
      await fixture.queue.enqueue({ uuid, ...key });
      return uuid;
    };
    expect(await fixture.waitUntilNotified(await send('first'))).toMatchObject({
      status: 'processed',
      source: 'first',
    });
    folder.write('sources.yaml', 'sources: { first: { kind: http } }');
    worker.child.kill('SIGHUP');
    await vi.waitFor(() => expect(worker.lines.join('\n')).toContain('sources not reloaded'), PATIENTLY);
    expect(worker.lines.join('\n')).toContain('sources.first.url: must be a URL');
    expect(await fixture.waitUntilNotified(await send('first'))).toMatchObject({ status: 'processed' });
    folder.write('sources.yaml', `sources: { second: { kind: http, url: '${other.origin}' } }`);
    worker.child.kill('SIGHUP');
    await vi.waitFor(() => expect(worker.lines.join('\n')).toContain('"sources reloaded"'), PATIENTLY);
    expect(await fixture.waitUntilNotified(await send('second'))).toMatchObject({ status: 'processed' });
    expect(fixture.videos.requests).toEqual([]);
  });
});
