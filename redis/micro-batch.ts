import { setImmediate as endOfTurn } from 'node:timers/promises';

/**
 * Sends together what one turn of the event loop brings: alerts are stored in batches, so their jobs come in batches
 * too. Whoever gave a job learns what became of the sending that it was part of.
 */
export function gathered<Job>(send: (jobs: Job[]) => Promise<void>): (job: Job) => Promise<void> {
  let next: { jobs: Job[]; sent: Promise<void> } | undefined;
  const sendSoon = async (jobs: Job[]) => {
    await endOfTurn();
    next = undefined;
    await send(jobs);
  };
  return (job) => {
    if (next) {
      next.jobs.push(job);
    } else {
      const jobs = [job];
      next = { jobs, sent: sendSoon(jobs) };
    }
    return next.sent;
  };
}
