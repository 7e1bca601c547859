import { Gauge, type Registry } from '@prometheus-io/client';

export type SilenceMetrics = ReturnType<typeof createSilenceMetrics>;

/** Creates the metrics of silent stores in `registry`. One worker watches for all, so the others report 0: use max(). */
export function createSilenceMetrics(registry: Registry) {
  const registers = [registry];
  return {
    silent: new Gauge({
      name: 'alerts_silent_stores',
      help: 'Stores that have sent no alert for longer than usual; a silence of nearly all stores counts as one. Use max().',
      registers,
    }),
    baselines: new Gauge({
      name: 'alerts_store_baselines',
      help: 'Stores and cameras whose usual alerts this worker has learned; 0 unless it watches for all. Use max().',
      registers,
    }),
    failing: new Gauge({
      name: 'alerts_silence_check_failing',
      help: '1 if the last check of this worker for silent stores failed. Use max().',
      registers,
    }),
  };
}
