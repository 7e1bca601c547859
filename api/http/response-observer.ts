import type { Request, RequestHandler, Response } from 'express';

export type ResponseObserver = (req: Request, res: Response, ms: number) => void;

/**
 * Calls the observers when the response is closed: completely sent, or aborted by the client. `ms` is the time since
 * the request arrived.
 */
export function observeResponses(...observers: ResponseObserver[]): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    res.once('close', () => {
      const ms = performance.now() - startedAt;
      for (const observe of observers) observe(req, res, ms);
    });
    next();
  };
}
