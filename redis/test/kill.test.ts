import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, type TestContext } from 'vitest';
import { BACKENDS, newJob, openWorld } from './queue-fixture.ts';

const HOLDING_CONSUMER = fileURLToPath(new URL('./holding-consumer.ts', import.meta.url));
/** From the kill to the next delivery, the start of the next process included. */
const REDELIVERY_LIMIT_MS = 20_000;

/** Starts a process that consumes and never ends a job. */
function startHoldingConsumer(url: string, test: TestContext) {
  const child = spawn(process.execPath, [HOLDING_CONSUMER, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  test.onTestFinished(kill);
  const lines = createInterface({ input: child.stdout });
  return { taken: once(lines, 'line').then(([uuid]) => String(uuid)), kill };
}

// Slow, as locks have to run out: some 15 s for each kill, both backends at once.
describe.concurrent('a job whose consumer is killed', () => {
  for (const { backend, missing } of BACKENDS) {
    it.skipIf(missing)(
      `is delivered again in time on ${backend}, also after the third time`,
      { timeout: 120_000 },
      async (test) => {
        const world = await openWorld(backend, test);
        const job = newJob();
        await world.queue.enqueue(job);
        let consumer = startHoldingConsumer(world.url, test);
        expect(await consumer.taken).toBe(job.uuid);
        for (let kills = 1; kills <= 3; kills += 1) {
          await consumer.kill();
          const killedAt = performance.now();
          consumer = startHoldingConsumer(world.url, test);
          expect(await consumer.taken).toBe(job.uuid);
          expect(performance.now() - killedAt, `kill ${kills}`).toBeLessThan(REDELIVERY_LIMIT_MS);
        }
      },
    );
  }
});
