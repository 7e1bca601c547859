import { type AlertJob, DELIVERIES, JOB_NAME, jobId, KEEP_FAILED, LONGEST_DELAY_MS } from './contract.ts';
import type { WantedJob } from './lost-jobs.ts';

/** A job to add. `traceparent`: the trace that it continues. `notBefore`: its first delivery is not earlier. */
export type NewJob = AlertJob & { traceparent?: string | null | undefined; notBefore?: Date | null | undefined };

export type JobKey = Pick<NewJob, 'uuid' | 'notBefore'>;

/** Returns the job in BullMQ's form. `priority`: see fair-order.ts. */
export function jobOf({ traceparent, notBefore, ...data }: NewJob, priority: number) {
  const options = {
    delay: Math.max(0, (notBefore?.getTime() ?? 0) - Date.now()),
    priority,
    jobId: jobId(data.uuid),
    attempts: DELIVERIES,
    backoff: { type: 'custom' },
    removeOnFail: KEEP_FAILED,
    stackTraceLimit: 1,
    // The format in which BullMQ's telemetry passes a trace on.
    ...(traceparent ? { telemetry: { metadata: JSON.stringify({ traceparent }) } } : {}),
  };
  return { name: JOB_NAME, data, opts: options };
}

/** Returns the job to look for. */
export function wantedJob({ uuid, notBefore }: JobKey): WantedJob {
  return { id: jobId(uuid), latestStart: Math.max(Date.now(), notBefore?.getTime() ?? 0) + LONGEST_DELAY_MS };
}

// Few enough to be looked up and added well within the queue's timeout.
const BATCH_SIZE = 500;

export function batchesOf<Job>(jobs: Job[]): Job[][] {
  const count = Math.ceil(jobs.length / BATCH_SIZE);
  return Array.from({ length: count }, (_, index) => jobs.slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE));
}
