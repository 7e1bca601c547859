import { describe, expect, it } from 'vitest';
import { seededRandom } from '#chaos/random.ts';
import { failureOf, openTestVideos, pattern, type TestVideos } from './test-videos.ts';

const files = { 'a.mp4': pattern(20_000), 'b.mp4': pattern(1000) };

/** Opens `count` videos, `concurrency` at a time. */
async function openMany(videos: TestVideos, count: number, concurrency: number): Promise<void> {
  let remaining = count;
  const job = async () => {
    while (remaining > 0) {
      remaining -= 1;
      await videos.open(remaining % 2 === 0 ? 'a.mp4' : 'b.mp4');
    }
  };
  await Promise.all(Array.from({ length: concurrency }, job));
}

describe('connections to the video server', () => {
  it('are reused for a thousand requests of eight jobs', async () => {
    await using videos = await openTestVideos({ files, connections: 8 });
    await openMany(videos, 1000, 8);
    expect(videos.server.requests).toHaveLength(1000);
    expect(videos.server.connections).toBeLessThanOrEqual(8);
  });

  it('never exceed the limit; further requests wait', async () => {
    await using videos = await openTestVideos({ files, connections: 3 });
    await openMany(videos, 200, 50);
    expect(videos.server.requests).toHaveLength(200);
    expect(videos.server.connections).toBe(3);
  });

  it('closed in mid-body are replaced for the requests that wait', async () => {
    await using videos = await openTestVideos({ files, connections: 2, timeoutMs: 20_000 });
    const abandoned = Array.from({ length: 10 }, () => failureOf(videos.open('a.mp4', 'endless-part')));
    await Promise.all([...abandoned, ...Array.from({ length: 10 }, () => videos.open('a.mp4'))]);
    expect(videos.server.openSockets).toBeLessThanOrEqual(2);
  });

  it('are waited for no longer than the timeout', async () => {
    await using videos = await openTestVideos({ files, connections: 1, timeoutMs: 300 });
    const holding = failureOf(videos.open('a.mp4', 'drip'));
    while (videos.server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const waiting = failureOf(videos.open('a.mp4'));
    expect(await waiting).toHaveProperty('message', 'no connection to the video server within 300 ms');
    expect(await holding).toHaveProperty('message', 'the video server did not complete its response within 900 ms');
    expect(videos.server.requests).toHaveLength(1);
  });

  it('that fail or are aborted do not affect other requests', async () => {
    const failing = ['truncated', 'reset', 'hang-up', 'endless-part', 'garbage', 'second-response'] as const;
    const random = seededRandom(7);
    const pick = <T>(values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)];
    await using videos = await openTestVideos({ files, connections: 4, timeoutMs: 20_000 });
    const open = async () => {
      const name = random() < 0.5 ? 'a.mp4' : 'b.mp4';
      const isHealthy = random() < 0.6;
      const controller = new AbortController();
      if (!isHealthy && random() < 0.5) setImmediate(() => controller.abort(new Error('aborted')));
      const opened = videos.open(name, isHealthy ? 'right' : pick(failing), controller.signal);
      if (!isHealthy) return void (await Promise.allSettled([opened]));
      const video = await opened;
      expect(Buffer.compare(await video.read(0, video.size), files[name])).toBe(0);
    };
    const job = async () => {
      for (let round = 0; round < 50; round += 1) await open();
    };
    await Promise.all(Array.from({ length: 8 }, job));
  });
});
