import { measureLoad } from './measure.ts';
import type { LoadResult } from './report.ts';
import type { BenchStack } from './stack.ts';
import { median } from './statistics.ts';
import type { ExpectedVideo } from './video-sets.ts';

/** One state of the stack that is compared with the other one. `prepare` puts the stack into it, `finish` ends it. */
type Variant = { name: string; prepare(): Promise<void>; finish?(): Promise<void> };

type AlternatingOptions = {
  runs: number;
  /** Of the load with a steady rate. */
  seconds: number;
  rate: number;
  /** Alerts of a load at saturation; 0: none. */
  saturated: number;
  log: (line: string) => void;
  signal: AbortSignal;
};

export type AlternatingResult = {
  backend: string;
  variant: string;
  /** One of each run. Milliseconds from POST to the commit of the result. */
  p50: number[];
  p95: number[];
  /** Processed alerts per second at saturation. */
  perSecond: number[];
  /** Processor time of all processes per alert at the steady rate, with that of alerts that wait and of pictures. */
  cpuMs: number[];
  /** Alerts without a result, or with a wrong one. */
  wrong: number;
};

/** Measures two variants in turn, so that both meet the same state of the machine. */
export async function measureAlternating(
  stack: BenchStack,
  videos: readonly ExpectedVideo[],
  variants: Variant[],
  { runs, seconds, rate, saturated, log, signal }: AlternatingOptions,
): Promise<AlternatingResult[]> {
  const results = variants.map(({ name }) => emptyResult(stack.backend, name));
  const measure = async (result: AlternatingResult, plan: Parameters<typeof measureLoad>[2]) => {
    const load = await measureLoad(stack, videos, { ...plan, keepRows: true }, signal);
    result.wrong += load.wrong + load.missing;
    return load;
  };
  await measureLoad(stack, videos, { count: 500, pace: { kind: 'open', perSecond: 50 } }, signal); // warms up
  for (let run = 0; run < runs; run += 1) {
    // Each variant is the first one as often as the other.
    const order = run % 2 === 0 ? [0, 1] : [1, 0];
    for (const index of order) {
      const [variant, result] = [variants[index], results[index]];
      if (!variant || !result) throw new Error('there are two variants');
      await stack.deleteAll();
      await variant.prepare();
      const pace = { kind: 'open', perSecond: rate } as const;
      const steady = await measure(result, { count: Math.round(rate * seconds), pace });
      addSteady(result, steady);
      if (saturated > 0) {
        const load = await measure(result, { count: saturated, pace: { kind: 'closed', inFlight: 64 } });
        result.perSecond.push(load.processedPerS);
      }
      await variant.finish?.();
      log(`${stack.backend}, ${variant.name}: run ${run + 1}, p95 ${Math.round(result.p95.at(-1) ?? 0)} ms`);
    }
  }
  return results;
}

function emptyResult(backend: string, variant: string): AlternatingResult {
  return { backend, variant, p50: [], p95: [], perSecond: [], cpuMs: [], wrong: 0 };
}

function addSteady(result: AlternatingResult, { endToEndMs, cpuMsPerAlertTotal }: LoadResult): void {
  result.cpuMs.push(cpuMsPerAlertTotal);
  result.p50.push(endToEndMs?.p50 ?? Number.NaN);
  result.p95.push(endToEndMs?.p95 ?? Number.NaN);
}

/** Returns the results as a table in Markdown: the median, and every run. */
export function renderAlternating(results: AlternatingResult[]): string {
  const cell = (values: number[], digits = 0) => {
    const texts = values.map((value) => value.toFixed(digits));
    return texts.length === 0 ? '' : `**${median(values).toFixed(digits)}**: ${texts.join(', ')}`;
  };
  const rows = results.map(({ backend, variant, p50, p95, cpuMs, perSecond, wrong }) => [
    backend,
    variant,
    cell(p50),
    cell(p95),
    cell(cpuMs, 1),
    cell(perSecond),
    String(wrong),
  ]);
  const header = ['queue', '', 'p50 ms', 'p95 ms', 'CPU ms per alert', 'processed/s at saturation', 'wrong'];
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
