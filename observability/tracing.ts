import { type Context, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import { waitAtMost } from '#async/timeout.ts';

const NAME = 'video-alerts';

export type Tracing = {
  /** Sends what is still here, for at most 2 s. */
  close(): Promise<void>;
};

export type TracingOptions = {
  /** Which part of the house speaks: api, worker. */
  part: string;
  /** OTLP over HTTP: `http://collector:4318`. Undefined: nothing is traced. */
  endpoint: string | undefined;
  /** Of the traces that begin here, 0 to 100; a caller's traceparent decides for itself. */
  percent: number;
  /** In place of the endpoint's. */
  exporter?: SpanExporter;
};

/** Loads the SDK and registers it for this process. Without it every span here is a no-op of under 1 µs. */
export async function startTracing(options: TracingOptions): Promise<Tracing | undefined> {
  const { part, endpoint, percent, exporter } = options;
  if (endpoint === undefined) return undefined;
  const [sdk, { W3CTraceContextPropagator }, { AsyncLocalStorageContextManager }, { resourceFromAttributes }, otlp] =
    await Promise.all([
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/core'),
      import('@opentelemetry/context-async-hooks'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
    ]);
  const chosen = new sdk.TraceIdRatioBasedSampler(percent / 100);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': `${NAME}-${part}`, 'process.pid': process.pid }),
    sampler: new sdk.ParentBasedSampler({
      root: {
        // What the queue does between two jobs is no trace: each idle look for a job would be one.
        shouldSample: (parent, traceId, _name, kind) =>
          kind === SpanKind.INTERNAL
            ? { decision: sdk.SamplingDecision.NOT_RECORD }
            : chosen.shouldSample(parent, traceId),
        toString: () => `no inner roots, ${chosen}`,
      },
    }),
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

/** The id that a log line carries; undefined where nothing is traced. */
export function traceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}

/** W3C traceparent of the span that runs now, for whoever goes on with its trace. */
export function traceparent(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/** A span around the work, and within what runs now; it tells the error that the work throws. */
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

/** Begins the span of a request, within the trace that its headers name; to be ended by the caller. */
export function startServerSpan(name: string, headers: object): { span: Span; within: Context } {
  const parent = propagation.extract(context.active(), headers);
  const span = trace.getTracer(NAME).startSpan(name, { kind: SpanKind.SERVER }, parent);
  return { span, within: trace.setSpan(parent, span) };
}
