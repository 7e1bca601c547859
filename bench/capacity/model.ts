// The capacity model: pure functions of measured costs. docs/scaling.md explains the formula.

export const COMPONENTS = ['api', 'worker', 'postgres', 'redis'] as const;
export type Component = (typeof COMPONENTS)[number];

/** Milliseconds of processor time per alert. `rest`: of everything else on the machine, video server and load driver. */
export type Costs = Record<Component | 'rest', number>;

/** Numbers of processes. */
export type Configuration = { apis: number; workers: number };

/** What reaches its limit first; `machine`: the processor time of all processes together. */
export type Limit = Component | 'machine';

export type Prediction = Configuration & {
  cores: number;
  perSecond: number;
  limit: Limit;
};

/** The configurations that a prediction is made for. */
export const CONFIGURATIONS: readonly Configuration[] = [1, 2].flatMap((apis) =>
  [1, 2, 4].map((workers) => ({ apis, workers })),
);

/** Processes of api and worker per core up to which a configuration is also measured: more only switch contexts. */
const PROCESSES_PER_CORE = 2;
/** What a process of api or worker needs at most, with some reserve. */
const PROCESS_BYTES = 512 * 1024 * 1024;

/**
 * Returns the throughput of a configuration on a machine with this number of cores, and what limits it. A process of the
 * api, the worker or Redis runs JavaScript or commands on one core at most; PostgreSQL has a process per connection.
 * `efficiency`: the share of the ideal throughput that a measurement reached.
 */
export function predict(costs: Costs, configuration: Configuration, cores: number, efficiency = 1): Prediction {
  const { apis, workers } = configuration;
  const all = COMPONENTS.reduce((sum, component) => sum + costs[component], costs.rest);
  const limits: [Limit, coresFor: number, ms: number][] = [
    ['machine', cores, all],
    ['api', apis, costs.api],
    ['worker', workers, costs.worker],
    ['redis', 1, costs.redis],
    ['postgres', cores, costs.postgres],
  ];
  const rates = limits.map(([limit, available, ms]) => ({
    limit,
    perSecond: ms > 0 ? (available * 1000) / ms : Infinity,
  }));
  const lowest = rates.reduce((low, each) => (each.perSecond < low.perSecond ? each : low));
  return { apis, workers, cores, limit: lowest.limit, perSecond: lowest.perSecond * efficiency };
}

/** Returns the share of the ideal throughput that was measured with this configuration, at most 1. */
export function efficiencyOf(costs: Costs, configuration: Configuration, cores: number, perSecond: number): number {
  return Math.min(1, perSecond / predict(costs, configuration, cores).perSecond);
}

/** Returns the configurations that a machine can run: not too many processes for its cores and free memory. */
export function measurable(cores: number, freeBytes: number): Configuration[] {
  return CONFIGURATIONS.filter(({ apis, workers }) => {
    const processes = apis + workers;
    return processes <= Math.max(2, PROCESSES_PER_CORE * cores) && processes * PROCESS_BYTES <= freeBytes;
  });
}
