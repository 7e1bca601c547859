import { tmpdir } from 'node:os';
import { z } from 'zod';
import { wholeNumber } from '#config/fields.ts';

/** The variables for tracing and profiling, the same for api and worker. */
export const observabilityFields = {
  /** Collector for traces, OTLP over HTTP; unset: no tracing. The name is OpenTelemetry's. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be a URL like http://collector:4318' })
    .optional(),
  /** Percentage of traced alerts. A client's traceparent header overrides it. */
  TRACE_PERCENT: wholeNumber(0, 100).prefault('100'),
  /** Folder for the profiles that SIGUSR2 starts. */
  PROFILE_DIR: z.string().default(tmpdir()),
  PROFILE_SECONDS: wholeNumber(1, 600).prefault('30'),
};
