import { once } from 'node:events';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createFileServer, startFileServer } from '../file-server.ts';

const SAMPLES = fileURLToPath(new URL('../../nginx/videos', import.meta.url));

describe('a slow client', () => {
  it('has at most 512 connections; another address is served', async () => {
    const own = await startFileServer({ root: SAMPLES, host: '127.0.0.1', port: 0 });
    onTestFinished(own.close);
    const port = Number(new URL(own.url).port);
    const sockets = Array.from({ length: 600 }, () =>
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .resume(),
    );
    let closed = 0;
    for (const socket of sockets) socket.on('close', () => closed++);
    await expect.poll(() => closed, { timeout: 150_000 }).toBe(88);
    const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    other.write('GET /videos/test_1.avi HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect((await buffer(other)).toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of sockets) socket.destroy();
  });

  it('is disconnected if it does not finish its request headers', async () => {
    const strict = createFileServer({ root: SAMPLES, slowRequestMs: 100 }).listen(0, '127.0.0.1');
    onTestFinished(() => void strict.close());
    await once(strict, 'listening');
    // A listening TCP server always has an AddressInfo; a string is for pipes.
    const socket = connect((strict.address() as AddressInfo).port, '127.0.0.1');
    socket.write('GET /videos/test_1.avi HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });

  // Without the limit of `close`, the download would last until its idle timeout of 60 s, longer than this test may take.
  it('cannot keep the server open, neither with an idle connection nor with a download', async () => {
    const root = await mkdtemp(join(tmpdir(), 'file-server-limits-'));
    onTestFinished(() => rm(root, { recursive: true }));
    // Longer than the buffers between two sockets, so that the download lasts until it is read.
    await writeFile(join(root, 'long.mp4'), '');
    await truncate(join(root, 'long.mp4'), 64 * 1024 * 1024);
    const own = await startFileServer({ root, host: '127.0.0.1', port: 0 });
    const idle = connect(Number(new URL(own.url).port), '127.0.0.1');
    const [download] = await once(get(`${own.url}/videos/long.mp4`), 'response');
    const ends = Promise.allSettled([once(idle, 'close'), text(download.pause())]);
    await own.close();
    await ends;
    await expect(fetch(own.url)).rejects.toThrow();
  });
});
