import { z } from 'zod';

// What --compare reads of a report. It is lenient, because another revision may have printed it.

const percentiles = z.object({ p50: z.number(), p95: z.number() }).nullish();
const load = z.object({
  processedPerS: z.number(),
  cpuMsPerAlertTotal: z.number(),
  postMs: percentiles,
  endToEndMs: percentiles,
  polledFinalMs: percentiles,
  wrong: z.number(),
  missing: z.number(),
});
const comparison = z.object({
  backend: z.string(),
  set: z.string(),
  saturated: load,
  steady: load.nullish(),
  half: load.nullish(),
  idle: load.nullish(),
  polled: load.nullish(),
});
const values = z.array(z.number());
const polling = z.object({ kind: z.string(), apiMs: values, postgresMs: values, perSecond: values });
const alternating = z.object({
  ...{ backend: z.string(), variant: z.string() },
  ...{ p50: values, p95: values, perSecond: values, cpuMs: values },
});
const report = z.union([z.array(z.union([polling, alternating])), z.object({ comparisons: z.array(comparison) })]);

type Figures = Record<string, number | undefined>;

/** Returns the figures of one run that can be compared. Throws if the run has a wrong result. */
export function figuresOf(json: unknown): [name: string, value: number][] {
  const parsed = report.parse(json);
  const figures = (Array.isArray(parsed) ? parsed : parsed.comparisons).flatMap((result) => {
    if ('kind' in result) return Object.entries(figuresOfPolling(result));
    return Object.entries('variant' in result ? figuresOfAlternating(result) : figuresOfLoads(result));
  });
  return figures.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

function figuresOfPolling({ kind, apiMs, postgresMs, perSecond }: z.output<typeof polling>): Figures {
  return {
    [`${kind}: api CPU`]: apiMs[0],
    [`${kind}: PostgreSQL CPU`]: postgresMs[0],
    [`${kind}: requests/s`]: perSecond[0],
  };
}

function figuresOfAlternating(result: z.output<typeof alternating>): Figures {
  const title = `${result.backend}, ${result.variant}`;
  return {
    [`${title}: p50`]: result.p50[0],
    [`${title}: p95`]: result.p95[0],
    [`${title}: CPU per alert`]: result.cpuMs[0],
    [`${title}: throughput`]: result.perSecond[0],
  };
}

function figuresOfLoads(result: z.output<typeof comparison>): Figures {
  const { backend, set, saturated, steady, half, idle, polled } = result;
  for (const each of [saturated, steady, half, idle, polled]) {
    if (each && each.wrong + each.missing > 0)
      throw new Error(`${each.wrong} alerts are wrong, ${each.missing} missing`);
  }
  const title = `${backend}, ${set}`;
  return {
    [`${title}: throughput`]: saturated.processedPerS,
    [`${title}: CPU per alert`]: saturated.cpuMsPerAlertTotal,
    [`${title}: POST at 300/s, p50`]: steady?.postMs?.p50,
    [`${title}: POST at 300/s, p95`]: steady?.postMs?.p95,
    [`${title}: end to end at half load, p50`]: half?.endToEndMs?.p50,
    [`${title}: end to end at half load, p95`]: half?.endToEndMs?.p95,
    [`${title}: one alert, final row, p50`]: idle?.endToEndMs?.p50,
    [`${title}: one alert, polled, p50`]: polled?.polledFinalMs?.p50,
  };
}
