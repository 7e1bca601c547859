import { Gauge, type Registry } from '@prometheus-io/client';
import type { Database } from './client.ts';

/** Tells of the connections of this process to the database. */
export function registerPoolMetrics(registry: Registry, db: Database): void {
  new Gauge({
    name: 'database_pool_connections',
    help: 'Open connections (total), those of them that do nothing (idle), and queries that wait for one (waiting).',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(db.connections())) this.set({ state }, count);
    },
  });
}
