import { ROOT_CONTEXT, SpanKind, type TraceFlags, trace } from '@opentelemetry/api';
import * as sdk from '@opentelemetry/sdk-trace';
import { expect, it } from 'vitest';
import { createSampler, type SamplerName } from '../sampler.ts';

// Trace ids that the sampler by ratio takes first and last.
const [LOW, HIGH] = [`${'0'.repeat(31)}1`, `${'f'.repeat(8)}${'0'.repeat(24)}`];
const within = (traceFlags: TraceFlags) =>
  trace.setSpanContext(ROOT_CONTEXT, { traceId: LOW, spanId: '2'.repeat(16), traceFlags });

function sampled(name: SamplerName, parent = ROOT_CONTEXT, traceId = LOW, kind = SpanKind.SERVER): boolean {
  const { decision } = createSampler(sdk, { name, ratio: 0.5 }).shouldSample(parent, traceId, 'POST', kind, {}, []);
  return decision === sdk.SamplingDecision.RECORD_AND_SAMPLED;
}

it.each<[SamplerName, { low: boolean; high: boolean; inSampled: boolean; inUnsampled: boolean }]>([
  ['always_on', { low: true, high: true, inSampled: true, inUnsampled: true }],
  ['always_off', { low: false, high: false, inSampled: false, inUnsampled: false }],
  ['traceidratio', { low: true, high: false, inSampled: true, inUnsampled: true }],
  ['parentbased_always_on', { low: true, high: true, inSampled: true, inUnsampled: false }],
  ['parentbased_always_off', { low: false, high: false, inSampled: true, inUnsampled: false }],
  ['parentbased_traceidratio', { low: true, high: false, inSampled: true, inUnsampled: false }],
])('%s decides as OpenTelemetry specifies', (name, expected) => {
  expect({
    low: sampled(name),
    high: sampled(name, ROOT_CONTEXT, HIGH),
    inSampled: sampled(name, within(1)),
    inUnsampled: sampled(name, within(0)),
  }).toEqual(expected);
});

it('does not start a trace with an internal span, such as an idle poll for a job', () => {
  expect(sampled('always_on', ROOT_CONTEXT, LOW, SpanKind.INTERNAL)).toBe(false);
  expect(sampled('always_on', within(1), LOW, SpanKind.INTERNAL)).toBe(true);
});
