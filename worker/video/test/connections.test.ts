import { describe, expect, it } from 'vitest';
import { failureOf, openStack, pattern } from './open-video.ts';

const files = { 'a.mp4': pattern(20_000), 'b.mp4': pattern(1000) };

/** So many openings, so many at a time, each an attempt of its own. */
async function openMany(house: Awaited<ReturnType<typeof openStack>>, count: number, atATime: number): Promise<void> {
  let left = count;
  const job = async () => {
    while (left > 0) {
      left -= 1;
      await house.open(left % 2 === 0 ? 'a.mp4' : 'b.mp4');
    }
  };
  await Promise.all(Array.from({ length: atATime }, job));
}

describe('connections to the video server', () => {
  it('are opened once and serve a thousand requests of many jobs', async () => {
    await using house = await openStack({ files, connections: 8 });
    await openMany(house, 1000, 8);
    expect(house.server.requests).toHaveLength(1000);
    expect(house.server.connections).toBeLessThanOrEqual(8);
  });

  it('are never more than allowed; those who find none wait', async () => {
    await using house = await openStack({ files, connections: 3 });
    await openMany(house, 200, 50);
    expect(house.server.requests).toHaveLength(200);
    expect(house.server.connections).toBe(3);
  });

  it('left in the middle of a body make room for those who wait', async () => {
    await using house = await openStack({ files, connections: 2, timeoutMs: 1000 });
    const left = Array.from({ length: 10 }, () => failureOf(house.open('a.mp4', 'endless-part')));
    await Promise.all([...left, ...Array.from({ length: 10 }, () => house.open('a.mp4'))]);
    expect(house.server.openSockets).toBeLessThanOrEqual(2);
  });

  it('are waited for no longer than for a silent server', async () => {
    await using house = await openStack({ files, connections: 1, timeoutMs: 300 });
    const holding = failureOf(house.open('a.mp4', 'drip'));
    while (house.server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const waiting = failureOf(house.open('a.mp4'));
    expect(await waiting).toHaveProperty('message', 'no connection to the video server within 300 ms');
    expect(await holding).toHaveProperty('message', 'the video server did not complete its response within 900 ms');
    expect(house.server.requests).toHaveLength(1);
  });
});
