import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Registry } from '@prometheus-io/client';

/**
 * Returns a registry with the metrics that every process has. The client's default metrics are not used: they are 33
 * families, five of which break Prometheus' naming rules.
 */
export function createProcessRegistry(): Registry {
  const registry = new Registry();
  const registers = [registry];
  // 10 ms costs 100 short timers per second; delays that matter are longer.
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  new Gauge({
    name: 'nodejs_eventloop_delay_seconds',
    help: 'Event-loop delay since the last scrape, by percentile; 100 is the maximum.',
    labelNames: ['percentile'],
    registers,
    collect() {
      for (const percentile of [50, 99, 100]) this.set({ percentile }, delay.percentile(percentile) / 1e9);
      delay.reset();
    },
  });
  let counted = 0;
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time used, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.inc((user + system) / 1e6 - counted);
      counted = (user + system) / 1e6;
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'nodejs_heap_used_bytes',
    help: 'Size of JavaScript objects, including garbage that is not collected yet.',
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
  const started = Date.now() / 1000 - process.uptime();
  new Gauge({ name: 'process_start_time_seconds', help: 'Unix time at which the process started.', registers }).set(
    started,
  );
  return registry;
}
