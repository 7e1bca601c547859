/** A process with the watchdog of a worker: answers messages; blocks its event loop for `blockMs`, or forever. */
import { startWatchdog } from '../watchdog.ts';

const [timeoutMs = ''] = process.argv.slice(2);
const watchdog = startWatchdog(Number(timeoutMs), {
  slots: 2,
  onError(error) {
    throw error;
  },
});
const end = watchdog.attemptStarts('00000000-0000-4000-8000-000000000001');
watchdog.attemptStarts('00000000-0000-4000-8000-000000000002');
end();

process.on('message', ({ blockMs }: { blockMs: number | null }) => {
  const until = performance.now() + (blockMs ?? Number.POSITIVE_INFINITY);
  while (performance.now() < until);
  process.send?.({ blockMs });
});
process.send?.({ ready: true });
