import { z } from 'zod';
import { reportSchema } from '../report.ts';
import { COMPONENTS } from './model.ts';

// The result of a run of `npm run capacity`, as `--json` prints it.

const amount = z.number().nonnegative();
const count = z.int().nonnegative();
const configuration = { apis: count, workers: count };

export const capacitySchema = z.strictObject({
  command: z.string(),
  machine: reportSchema.shape.machine,
  backend: z.enum(['redis', 'postgres']),
  set: z.enum(['avi', 'samples']),
  /** Milliseconds of processor time per alert, with one api and one worker. */
  costs: z.strictObject({ api: amount, worker: amount, postgres: amount, redis: amount, rest: amount }),
  bytesPerAlert: z.strictObject({
    /** Requests to the api. */
    api: amount,
    /** Of videos. */
    worker: amount,
    /** Written to the write-ahead log. */
    postgres: amount,
    /** Commands; 0: the queue is on PostgreSQL. */
    redis: amount,
    /** Growth of the database, with its indexes. */
    stored: amount,
  }),
  /** Measured share of the ideal throughput of one api and one worker. */
  efficiency: amount,
  predictions: z.array(
    z.strictObject({ ...configuration, cores: count, perSecond: amount, limit: z.enum([...COMPONENTS, 'machine']) }),
  ),
  measurements: z.array(
    z.strictObject({
      ...configuration,
      alerts: count,
      perSecond: amount,
      /** That the formula gave before this measurement. */
      predicted: amount,
      /** Cores that processes outside of this measurement kept busy. */
      otherCores: amount,
      /** Alerts without a result, with a wrong one, or refused. */
      wrong: count,
    }),
  ),
});
export type CapacityReport = z.infer<typeof capacitySchema>;
export type Measurement = CapacityReport['measurements'][number];
