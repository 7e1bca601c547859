import type { RequestHandler } from 'express';
import { Problem } from '../http/problem.ts';

/** Jobs per page. An unlimited page of 30,000 jobs exhausted 512 MiB of memory. */
export const MAX_PAGE = 100;

/** Lowers `jobsPerPage` to the maximum, so that the board's page numbers agree with the pages. */
export const limitPageSize: RequestHandler = (req, _res, next) => {
  const [path = '', query] = req.url.split('?', 2);
  const params = new URLSearchParams(query);
  if (params.getAll('jobsPerPage').some((value) => !(Number(value) <= MAX_PAGE))) {
    params.set('jobsPerPage', `${MAX_PAGE}`);
    req.url = `${path}?${params}`;
  }
  next();
};

/**
 * Returns a handler that lets `concurrent` requests run at the same time and `waiting` more wait. It responds with 429 to
 * any further request.
 */
export function limitConcurrency(concurrent: number, waiting: number): RequestHandler {
  let running = 0;
  const queue: (() => void)[] = [];
  return (_req, res, next) => {
    const start = () => {
      running += 1;
      res.once('close', () => {
        running -= 1;
        queue.shift()?.();
      });
      next();
    };
    if (running < concurrent) return start();
    if (queue.length >= waiting) {
      throw new Problem('too-many-requests', 'Too many reads of Bull Board are in progress.', {
        headers: { 'Retry-After': '1' },
      });
    }
    queue.push(start);
    res.once('close', () => {
      const index = queue.indexOf(start);
      if (index >= 0) queue.splice(index, 1);
    });
  };
}
