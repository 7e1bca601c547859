import type { Telemetry } from 'bullmq';

/** Loads BullMQ's spans for the OpenTelemetry SDK that this process has registered. */
export async function queueTelemetry(): Promise<Telemetry> {
  const { BullMQOtel } = await import('bullmq-otel');
  return new BullMQOtel({ tracerName: 'video-alerts' });
}
