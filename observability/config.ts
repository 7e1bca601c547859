import { tmpdir } from 'node:os';
import { z } from 'zod';
import { wholeNumber } from '#config/fields.ts';
import { SAMPLERS } from './sampler.ts';

const RATIO = 'must be a number from 0 to 1';

/** The variables for tracing and profiling, the same for api and worker. Names that begin with OTEL are OpenTelemetry's. */
export const observabilityFields = {
  /** Collector for traces, OTLP over HTTP; unset: no tracing. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be a URL like http://collector:4318' })
    .optional(),
  /** Which traces are exported. With parentbased_…, a client's traceparent header decides for its own trace. */
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS, `must be one of ${SAMPLERS.join(', ')}`).default('parentbased_always_on'),
  /** Of …traceidratio: the share of traces. */
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0|1|[01]?\.\d+)$/, RATIO)
    .transform(Number)
    .pipe(z.number().max(1, RATIO))
    .prefault('1'),
  /** Unset: video-alerts-api and video-alerts-worker. */
  OTEL_SERVICE_NAME: z.string().max(255).optional(),
  /** Folder for the profiles that SIGUSR2 starts. */
  PROFILE_DIR: z.string().default(tmpdir()),
  PROFILE_SECONDS: wholeNumber(1, 600).prefault('30'),
};
