import { type Context, SpanKind, trace } from '@opentelemetry/api';
import type { Sampler } from '@opentelemetry/sdk-trace';

/** The values of OTEL_TRACES_SAMPLER. */
export const SAMPLERS = [
  ...(['always_on', 'always_off', 'traceidratio'] as const),
  ...(['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const),
] as const;

export type SamplerName = (typeof SAMPLERS)[number];

/** Returns the sampler. `ratio`: the share of traces, 0 to 1, for the samplers with traceidratio. */
export function createSampler(
  sdk: typeof import('@opentelemetry/sdk-trace'),
  { name, ratio }: { name: SamplerName; ratio: number },
): Sampler {
  const parentBased = name.startsWith('parentbased_');
  const share = name.endsWith('traceidratio') ? ratio : name.endsWith('always_off') ? 0 : 1;
  const byId = new sdk.TraceIdRatioBasedSampler(share);
  const sampler: Sampler = {
    // Not what the queue does between two jobs: each idle poll for a job would be a trace.
    shouldSample: (parent: Context, traceId, _name, kind) =>
      kind === SpanKind.INTERNAL && trace.getSpanContext(parent) === undefined
        ? { decision: sdk.SamplingDecision.NOT_RECORD }
        : byId.shouldSample(parent, traceId),
    toString: () => `${name}, ${share}, no internal roots`,
  };
  return parentBased ? new sdk.ParentBasedSampler({ root: sampler }) : sampler;
}
