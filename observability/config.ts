import { tmpdir } from 'node:os';
import { z } from 'zod';
import { wholeNumber } from '#config/fields.ts';

/** The variables of api and worker that decide what is told of them, and where. */
export const signalFields = {
  /** Where traces go, OTLP over HTTP. Unset: there are none. OpenTelemetry's own name. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be a URL like http://collector:4318' })
    .optional(),
  /** Percent of the alerts that are traced, where the caller's traceparent does not say. */
  TRACE_PERCENT: wholeNumber(0, 100).prefault('100'),
  /** Folder of the profiles that SIGUSR2 asks for. */
  PROFILE_DIR: z.string().default(tmpdir()),
  PROFILE_SECONDS: wholeNumber(1, 600).prefault('30'),
};
