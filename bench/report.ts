import { z } from 'zod';

// What a run tells, as `--json` prints it.

const amount = z.number().nonnegative();
const count = z.int().nonnegative();
const percentiles = z.strictObject({ p50: amount, p95: amount, p99: amount });
const kinds = z.strictObject({ api: amount, worker: amount, postgres: amount, redis: amount, videoServer: amount });

/** What one flow of alerts showed, from the first request to the last row final. */
export const flowSchema = z.strictObject({
  alerts: count,
  seconds: amount,
  acceptedPerS: amount,
  processedPerS: amount,
  /** From the moment that a request was due to its answer. */
  postMs: percentiles.nullable(),
  /** From the moment that a request was due to the commit that made its row final. */
  endToEndMs: percentiles.nullable(),
  /** Until a GET, asked again and again, saw it final; null where none was asked. */
  seenFinalMs: percentiles.nullable(),
  /** User and system time, that of children included. */
  cpuMsPerAlert: kinds,
  cpuMsPerAlertInAll: amount,
  driverCpuMsPerAlert: amount,
  /** Body bytes, as the rows say. */
  bytesPerAlert: amount,
  /** As the video server counted; null: it does not count. */
  served: z.strictObject({ requestsPerAlert: amount, bytesPerAlert: amount, connectionsPer1000: amount }).nullable(),
  /** Peak resident sizes of all processes of a kind, summed. */
  peakMib: kinds,
  /** Answers to POST but 202. */
  refused: count,
  /** Final rows without the true resolution. */
  wrong: count,
  /** Alerts without a final row. */
  missing: count,
});
export type Flow = z.infer<typeof flowSchema>;
export type Percentiles = z.infer<typeof percentiles>;

/** One worker on one set of videos and one backend. Latencies are null where they were not asked for. */
export const measuredSchema = z.strictObject({
  backend: z.enum(['redis', 'postgres']),
  set: z.enum(['avi', 'mix', 'samples']),
  worker: z.enum(['ours', 'baseline']),
  videoServer: z.enum(['nginx', 'local/file-server.ts']),
  /** As many requests on the way as the driver may have. */
  most: flowSchema,
  /** At 300 requests a second. */
  steady: flowSchema.nullable(),
  /** At half of what `most` processed in a second. */
  half: flowSchema.nullable(),
  /** Ten a second, so that each finds an idle system. */
  lone: flowSchema.nullable(),
  /** One after the other, each asked for by GET until it is final. */
  asked: flowSchema.nullable(),
});
export type Measured = z.infer<typeof measuredSchema>;

/** One way of probing one video, by itself. Each figure is of one probe. */
export const probeCostSchema = z.strictObject({
  path: z.string(),
  video: z.string(),
  resolution: z.string().regex(/^\d+x\d+$/),
  /** How many the figures are the mean of. */
  probes: count,
  ms: amount,
  cpuMs: amount,
  bytes: amount,
  requests: amount,
});
export type ProbeCost = z.infer<typeof probeCostSchema>;

/** The house on a table that has grown. */
export const grownSchema = z.strictObject({
  /** Stored before. */
  rows: count,
  most: flowSchema,
  /** At 300 requests a second. */
  steady: flowSchema,
  /** Milliseconds of the questions that api and reconciler ask of the table. */
  questions: z.array(z.strictObject({ name: z.string(), p50: amount, p95: amount })),
});
export type Grown = z.infer<typeof grownSchema>;

/** Memory after so many alerts in one house. */
export const soakedSchema = z.strictObject({
  alerts: count,
  processedPerS: amount,
  wrong: count,
  missing: count,
  /** Resident. */
  apiMib: amount,
  workerMib: amount,
  /** What Redis says it uses; null: there is none. */
  redisMib: amount.nullable(),
});
export type Soaked = z.infer<typeof soakedSchema>;

export const reportSchema = z.strictObject({
  command: z.string(),
  machine: z.strictObject({
    at: z.iso.datetime(),
    cores: count,
    cpu: z.string(),
    memoryGib: amount,
    node: z.string(),
    /** What SHA-256 of 64 MiB took before the first and after each house: how fast the machine was just then. */
    yardstickMs: z.array(amount),
    /** Of these sources; '' where git does not tell. */
    commit: z.string(),
  }),
  runs: count,
  measured: z.array(measuredSchema),
  probes: z.array(probeCostSchema),
  growth: z.array(grownSchema),
  soak: z.array(soakedSchema),
});
export type Report = z.infer<typeof reportSchema>;
