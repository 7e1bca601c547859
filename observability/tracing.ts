import { type Context, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import { waitAtMost } from '#async/timeout.ts';
import { createSampler, type SamplerName } from './sampler.ts';

const NAME = 'video-alerts';

export type Tracing = {
  /** Sends the remaining spans, for at most 2 s. */
  close(): Promise<void>;
};

export type TracingOptions = {
  /** The name that traces have, such as `video-alerts-api`. */
  serviceName: string;
  /** OTLP over HTTP: `http://collector:4318`. Undefined: no tracing. */
  endpoint: string | undefined;
  sampler: { name: SamplerName; ratio: number };
  /** Replaces the exporter to the endpoint, for tests. */
  exporter?: SpanExporter;
};

/** Loads the SDK and registers it for this process. Without it, every span is a no-op of less than 1 µs. */
export async function startTracing(options: TracingOptions): Promise<Tracing | undefined> {
  const { serviceName, endpoint, sampler, exporter } = options;
  if (endpoint === undefined) return undefined;
  const [sdk, { W3CTraceContextPropagator }, { AsyncLocalStorageContextManager }, { resourceFromAttributes }, otlp] =
    await Promise.all([
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/core'),
      import('@opentelemetry/context-async-hooks'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
    ]);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, 'process.pid': process.pid }),
    sampler: createSampler(sdk, sampler),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: exporter ?? new otlp.OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` }),
        scheduledDelayMillis: 1_000,
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return {
    async close() {
      // A collector that is unavailable loses the traces, but does not delay the close.
      await waitAtMost(
        provider.shutdown().catch(() => {}),
        2_000,
      );
      trace.disable();
      propagation.disable();
      context.disable();
    },
  };
}

/** Returns the trace id for log lines; undefined without tracing. */
export function traceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}

/** Returns the W3C traceparent of the current span, so that another process can continue the trace. */
export function traceparent(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/** Runs `work` in a child span of the current one. The span records the error that `work` throws. */
export async function inSpan<T>(name: string, work: (span: Span) => Promise<T>): Promise<T> {
  return trace.getTracer(NAME).startActiveSpan(name, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : `${error}` });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Starts the span of a request, in the trace that its headers name. The caller ends it. */
export function startServerSpan(name: string, headers: object): { span: Span; within: Context } {
  const parent = propagation.extract(context.active(), headers);
  const span = trace.getTracer(NAME).startSpan(name, { kind: SpanKind.SERVER }, parent);
  return { span, within: trace.setSpan(parent, span) };
}
