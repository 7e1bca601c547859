import { Gauge, type Registry } from '@prometheus-io/client';
import type { Database } from './client.ts';

/** Registers a gauge of this process's database connections. */
export function registerPoolMetrics(registry: Registry, db: Database): void {
  new Gauge({
    name: 'database_pool_connections',
    help: 'Open connections (total), idle ones among them (idle), and queries that wait for a connection (waiting).',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(db.connections())) this.set({ state }, count);
    },
  });
}
