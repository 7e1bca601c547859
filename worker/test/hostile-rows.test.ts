import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Canary, openCanary } from '#test/harness/canary.ts';
import { startTestWorker, type TestWorker } from './test-worker.ts';

let worker: TestWorker;
let canary: Canary;

beforeAll(async () => {
  worker = await startTestWorker();
  canary = await openCanary();
});

afterAll(async () => {
  await canary[Symbol.asyncDispose]();
  await worker.close();
});

/** EVIL stands for the canary's port, OWN for the video server's. */
const refused = [
  '//127.0.0.1:EVIL/x.mp4',
  '///127.0.0.1:EVIL/x.mp4',
  '/\\127.0.0.1:EVIL/x.mp4',
  '\\\\127.0.0.1:EVIL\\x.mp4',
  '\\/127.0.0.1:EVIL/x.mp4',
  'http://127.0.0.1:EVIL/x.mp4',
  'HTTP://127.0.0.1:EVIL/x.mp4',
  'http:\\\\127.0.0.1:EVIL\\x.mp4',
  ' http://127.0.0.1:EVIL/x.mp4',
  'ht\ttp://127.0.0.1:EVIL/x.mp4',
  '\n//127.0.0.1:EVIL/x.mp4',
  'http://127.0.0.1:OWN@127.0.0.1:EVIL/x.mp4',
  '//127.0.0.1:OWN@localhost:EVIL/x.mp4',
  'https://127.0.0.1:OWN/x.mp4',
  'https://127.0.0.1:EVIL/x.mp4',
  '//2130706433:EVIL/x.mp4',
  '//0177.0.0.1:EVIL/x.mp4',
  '//0x7f.1:EVIL/x.mp4',
  '//[::1]:EVIL/x.mp4',
  '//[::ffff:127.0.0.1]:EVIL/x.mp4',
  '//localhost:OWN/x.mp4',
  'ftp://127.0.0.1:EVIL/x.mp4',
  'file:///etc/passwd.mp4',
  'data:video/mp4;base64,AAAA.mp4',
  'blob:http://127.0.0.1:OWN/x.mp4',
  'unix:/var/run/docker.sock:/x.mp4',
  'http://',
  '//',
  'http://[::1',
  '//127.0.0.1:99999/x.mp4',
];

/** Unusual, but paths on the video server, which has no such file. */
const requested = [
  '@127.0.0.1:EVIL/x.mp4',
  '/@127.0.0.1:EVIL/x.mp4',
  ':EVIL/x.mp4',
  '.127.0.0.1:EVIL/x.mp4',
  '/%2f127.0.0.1:EVIL/x.mp4',
  '/%5c%5c127.0.0.1:EVIL/x.mp4',
  '%2f%2f127.0.0.1:EVIL/x.mp4',
  'http:127.0.0.1:EVIL/x.mp4',
  '//user:word@127.0.0.1:OWN/x.mp4',
  '//2130706433:OWN/x.mp4',
  '/x.mp4?to=http://127.0.0.1:EVIL',
  '/x.mp4#@127.0.0.1:EVIL',
  '/x.mp4%0d%0aHost:%20127.0.0.1:EVIL',
];

describe('a row with a path that the api would reject today', () => {
  it.each([
    ...refused.map((video) => [video, 'redirect_refused', 0] as const),
    ...requested.map((video) => [video, 'video_not_found', 1] as const),
  ])('%j fails with %s after %i requests to the video server', async (video, code, requests) => {
    const [before, touched] = [worker.videos.requests.length, canary.connections];
    const path = video.replaceAll('EVIL', `${canary.port}`).replaceAll('OWN', new URL(worker.videos.origin).port);
    const { uuid } = await worker.add(path);
    await worker.handle(uuid);
    expect(await worker.row(uuid)).toMatchObject({ status: 'failed', failureCode: code });
    expect(worker.videos.requests.slice(before).map(({ authorized }) => authorized)).toEqual(
      Array(requests).fill(false),
    );
    expect(canary.connections).toBe(touched);
  });
});
