import type { Telemetry } from 'bullmq';

/** BullMQ's own spans, on the OpenTelemetry SDK that this process has registered. Loaded only where it is asked for. */
export async function queueTelemetry(): Promise<Telemetry> {
  const { BullMQOtel } = await import('bullmq-otel');
  return new BullMQOtel({ tracerName: 'video-alerts' });
}
