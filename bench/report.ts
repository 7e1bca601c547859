import { z } from 'zod';

// The result of a run, as `--json` prints it.

const amount = z.number().nonnegative();
const count = z.int().nonnegative();
const percentiles = z.strictObject({ p50: amount, p95: amount, p99: amount });
const services = z.strictObject({ api: amount, worker: amount, postgres: amount, redis: amount, videoServer: amount });

/** One load of alerts, from the first request until the last row is final. */
export const loadSchema = z.strictObject({
  alerts: count,
  seconds: amount,
  acceptedPerS: amount,
  processedPerS: amount,
  /** From the due time of a request to its response. */
  postMs: percentiles.nullable(),
  /** From the due time of a request to the commit that made its row final. */
  endToEndMs: percentiles.nullable(),
  /** Until a polling GET returned a final status; null: not polled. */
  polledFinalMs: percentiles.nullable(),
  /** User and system time, including that of child processes. */
  cpuMsPerAlert: services,
  cpuMsPerAlertTotal: amount,
  driverCpuMsPerAlert: amount,
  requestBytesPerAlert: amount,
  /** Body bytes, from the rows. */
  bytesPerAlert: amount,
  /** As counted by the video server; null: it does not count. */
  served: z.strictObject({ requestsPerAlert: amount, bytesPerAlert: amount, connectionsPer1000: amount }).nullable(),
  /** The sum of the peak resident sizes of all processes of a service. */
  peakMib: services,
  /** From the first request until the last delivery; null: no destinations. The processor time includes the deliveries. */
  deliveries: z.strictObject({ deliveredPerS: amount, undelivered: count }).nullable(),
  /** Responses to POST other than 202. */
  refused: count,
  /** Final rows with an unexpected resolution. */
  wrong: count,
  /** Alerts without a final row. */
  missing: count,
});
export type LoadResult = z.infer<typeof loadSchema>;
export type Percentiles = z.infer<typeof percentiles>;

/** One worker on one set of videos and one backend. Loads are null if they were not requested. */
export const comparisonSchema = z.strictObject({
  backend: z.enum(['redis', 'postgres']),
  set: z.enum(['avi', 'mix', 'samples']),
  worker: z.enum(['current', 'baseline']),
  videoServer: z.enum(['nginx', 'local/file-server.ts']),
  /** As many requests in flight as the driver allows. */
  saturated: loadSchema,
  /** 300 requests per second. */
  steady: loadSchema.nullable(),
  /** Half the rate that `saturated` processed. */
  half: loadSchema.nullable(),
  /** Ten per second, so that each alert meets an idle system. */
  idle: loadSchema.nullable(),
  /** One after another, each polled by GET until it is final. */
  polled: loadSchema.nullable(),
});
export type Comparison = z.infer<typeof comparisonSchema>;

/** One way of probing one video. Each figure is the mean of one probe. */
export const probeCostSchema = z.strictObject({
  method: z.string(),
  video: z.string(),
  resolution: z.string().regex(/^\d+x\d+$/),
  /** Number of probes. */
  probes: count,
  ms: amount,
  cpuMs: amount,
  bytes: amount,
  requests: amount,
});
export type ProbeCost = z.infer<typeof probeCostSchema>;

/** The stack on a table of a given size. */
export const dataSizeSchema = z.strictObject({
  /** Rows stored before the measurement. */
  rows: count,
  saturated: loadSchema,
  /** 300 requests per second. */
  steady: loadSchema,
  /** Milliseconds of the queries of api and reconciler. */
  queries: z.array(z.strictObject({ name: z.string(), p50: amount, p95: amount })),
  /** The table of alerts and each of its indexes, before the measurement. */
  sizes: z.array(z.strictObject({ name: z.string(), mb: amount })),
});
export type DataSizeResult = z.infer<typeof dataSizeSchema>;

/** Resident memory after a number of alerts. */
export const soakSchema = z.strictObject({
  alerts: count,
  processedPerS: amount,
  wrong: count,
  missing: count,
  apiMib: amount,
  workerMib: amount,
  /** As Redis reports it; null: there is no Redis. */
  redisMib: amount.nullable(),
});
export type SoakResult = z.infer<typeof soakSchema>;

export const reportSchema = z.strictObject({
  command: z.string(),
  machine: z.strictObject({
    at: z.iso.datetime(),
    cores: count,
    cpu: z.string(),
    memoryGib: amount,
    node: z.string(),
    /** Duration of SHA-256 of 64 MiB before the first and after each stack: how fast the machine was at that time. */
    referenceMs: z.array(amount),
    /** Of these sources; '' if git does not know it. */
    commit: z.string(),
  }),
  runs: count,
  comparisons: z.array(comparisonSchema),
  probes: z.array(probeCostSchema),
  dataSizes: z.array(dataSizeSchema),
  soak: z.array(soakSchema),
});
export type Report = z.infer<typeof reportSchema>;
