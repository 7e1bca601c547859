import { type AlternatingResult, measureAlternating } from './alternating.ts';
import type { Bench } from './bench.ts';
import type { BenchStack } from './stack.ts';
import { videosOf } from './video-sets.ts';

const SATURATED_ALERTS = 2_000;

/** Measures the results of alerts in turn with PICTURES=off and on: their latencies, and their rate at saturation. */
export async function measurePictureLoad(
  stack: BenchStack,
  { options, log, signal }: Bench,
): Promise<AlternatingResult[]> {
  await stack.startWorker('current');
  const variants = [
    { name: 'pictures off', prepare: () => stack.startWorker('without pictures') },
    { name: 'pictures on', prepare: () => stack.startWorker('current') },
  ];
  const saturated = options.alerts ?? SATURATED_ALERTS;
  return measureAlternating(stack, videosOf('avi'), variants, { ...options, saturated, log, signal });
}
