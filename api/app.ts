import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import type { AlertWaits } from './alert-waits.ts';
import { type Auth, identify } from './caller.ts';
import type { ChangeFeed } from './change-feed.ts';
import { Holds } from './holds.ts';
import { notFound, problemHandler } from './problem.ts';
import { requestContext } from './request-context.ts';
import { alertRoutes } from './routes/alerts.ts';
import { batchRoutes } from './routes/batch.ts';
import { docsRoutes } from './routes/docs.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes, type Readiness } from './routes/health.ts';
import { operatorRoutes } from './routes/operator.ts';
import { queueRoutes } from './routes/queues.ts';
import { retryRoutes } from './routes/retry.ts';

export type AppDeps = {
  db: Database;
  queue: AlertQueue;
  readiness: Readiness;
  log: Logger;
  trustProxy: number;
  auth: Auth;
  changes: ChangeFeed;
  waits: AlertWaits;
  /** Event streams and waits held open at a time, of one key or address. */
  maxHeld: number;
};

/** The Express app on what it is given: opens nothing, so closes nothing. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.set('trust proxy', deps.trustProxy);
  app.set('etag', 'strong');
  app.set('query parser', 'simple');
  app.use(requestContext(deps.log));
  app.use((_req, res, next) => {
    if (deps.readiness.stopping()) res.set('Connection', 'close');
    next();
  });
  app.use(
    helmet({
      // Plain HTTP behind a proxy or on loopback: whoever ends TLS says HSTS.
      strictTransportSecurity: false,
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'self'"],
          baseUri: ["'self'"],
          objectSrc: ["'none'"],
          frameAncestors: ["'none'"],
          formAction: ["'self'"],
          imgSrc: ["'self'", 'data:'],
          // Bull Board styles its elements inline.
          styleSrc: ["'self'", "'unsafe-inline'"],
        },
      },
    }),
  );
  app.use(healthRoutes(deps.readiness));
  app.use(docsRoutes());
  // Above this line is what anyone may ask for; below it each route says which scope it needs.
  app.use(identify(deps.auth));
  const holds = new Holds(deps.maxHeld);
  app.use(eventRoutes({ ...deps, holds }));
  app.use(retryRoutes(deps));
  app.use(operatorRoutes(deps));
  app.use(batchRoutes(deps));
  app.use(alertRoutes({ ...deps, holds }));
  app.use(queueRoutes(deps));
  app.use(notFound);
  app.use(problemHandler);
  return app;
}
