import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, type TestContext } from 'vitest';
import { BACKENDS, newJob, openFixture } from './queue-fixture.ts';

const HOLDING_CONSUMER = fileURLToPath(new URL('./holding-consumer.ts', import.meta.url));
/** Starts a process that receives one job and never ends it. */
function startHoldingConsumer(url: string, test: TestContext) {
  const child = spawn(process.execPath, [HOLDING_CONSUMER, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  test.onTestFinished(kill);
  const lines = createInterface({ input: child.stdout });
  return { received: once(lines, 'line').then(([line]) => String(line)), kill };
}

// Slow, because locks must expire: about 15 s per kill, both backends at the same time.
describe.concurrent('a job whose consumer is killed', () => {
  for (const { name, missing } of BACKENDS) {
    it.skipIf(missing)(
      `is delivered again on ${name}, also after the third kill`,
      { timeout: 400_000 },
      async (test) => {
        const fixture = await openFixture(name, test);
        const job = newJob();
        await fixture.queue.enqueue(job);
        let consumer = startHoldingConsumer(fixture.url, test);
        expect(await consumer.received).toBe(`${job.uuid} 0`);
        for (let kills = 1; kills <= 3; kills += 1) {
          await consumer.kill();
          consumer = startHoldingConsumer(fixture.url, test);
          expect(await consumer.received).toBe(`${job.uuid} ${kills}`);
        }
      },
    );
    it.skipIf(missing)(`has no stalls on ${name} once an attempt has ended`, { timeout: 400_000 }, async (test) => {
      const fixture = await openFixture(name, test);
      const job = newJob();
      await fixture.queue.enqueue(job);
      const consumer = startHoldingConsumer(fixture.url, test);
      await consumer.received;
      await consumer.kill();
      const stalls: number[] = [];
      const third = Promise.withResolvers<void>();
      fixture.consume(async (received, _signal, delivery) => {
        expect(received).toEqual(job);
        stalls.push(delivery.stalls);
        if (stalls.length < 3) return { kind: 'retry', reason: 'the video server is unavailable' };
        third.resolve();
        return { kind: 'done' };
      });
      await third.promise;
      expect(stalls).toEqual([1, 0, 0]);
    });
  }
});
