import { Gauge, type Registry } from '@prometheus-io/client';
import type { Replica } from '#prisma/replica.ts';

/** Registers gauges of the read replica, as this process sees it. */
export function registerReplicaGauges(registry: Registry, replica: Pick<Replica, 'status'>): void {
  new Gauge({
    name: 'database_replica_lag_seconds',
    help: 'Age of the oldest change that the read replica may lack. Absent while it is unknown.',
    registers: [registry],
    collect() {
      const { lagSeconds } = replica.status();
      if (lagSeconds === undefined) this.remove();
      else this.set(lagSeconds);
    },
  });
  new Gauge({
    name: 'database_replica_used',
    help: '1: lists and statistics are read from the replica; 0: from the primary.',
    registers: [registry],
    collect() {
      this.set(replica.status().problem === undefined ? 1 : 0);
    },
  });
}
