import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Registry } from '@prometheus-io/client';

/**
 * The registry of one process, with what every process tells of itself. The client's own default metrics are not taken:
 * 33 families, five of which break Prometheus' rules for names.
 */
export function createProcessRegistry(): Registry {
  const registry = new Registry();
  const registers = [registry];
  // A resolution of 10 ms costs 100 short timers a second; delays that hurt are longer.
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  new Gauge({
    name: 'nodejs_eventloop_delay_seconds',
    help: 'How late the event loop was since the last scrape, by percentile; 100 is the longest.',
    labelNames: ['percentile'],
    registers,
    collect() {
      for (const percentile of [50, 99, 100]) this.set({ percentile }, delay.percentile(percentile) / 1e9);
      delay.reset();
    },
  });
  let told = 0;
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time used, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.inc((user + system) / 1e6 - told);
      told = (user + system) / 1e6;
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'nodejs_heap_used_bytes',
    help: 'JavaScript objects, dead ones that were not yet collected included.',
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
  const started = Date.now() / 1000 - process.uptime();
  new Gauge({ name: 'process_start_time_seconds', help: 'Unix time of the start.', registers }).set(started);
  return registry;
}
