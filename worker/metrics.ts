import { Counter, Registry } from '@prometheus-io/client';

export type Metrics = ReturnType<typeof createMetrics>;

/** What the worker counts; `registry` prints it for Prometheus. */
export function createMetrics() {
  const registry = new Registry();
  return {
    registry,
    reconciled: new Counter({
      name: 'alerts_reconciled_total',
      help: 'Jobs sent again because the queue had lost them',
      registers: [registry],
    }),
  };
}
