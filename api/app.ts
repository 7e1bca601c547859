import express, { type Express } from 'express';
import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import type { AlertWaits } from './alert-waits.ts';
import { type Auth, identify } from './caller.ts';
import type { ChangeFeed } from './change-feed.ts';
import { cors } from './cors.ts';
import { countAnswers } from './count-answers.ts';
import { sameOriginOnly } from './cross-site.ts';
import { Holds } from './holds.ts';
import type { ApiMetrics } from './metrics.ts';
import { notFound, problemHandler } from './problem.ts';
import type { QueueRoom } from './queue-room.ts';
import type { RateLimits } from './rate-limits.ts';
import { requestContext } from './request-context.ts';
import { alertRoutes } from './routes/alerts.ts';
import { batchRoutes } from './routes/batch.ts';
import { docsRoutes } from './routes/docs.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes, type Readiness } from './routes/health.ts';
import { loginRoutes } from './routes/login.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { operatorRoutes } from './routes/operator.ts';
import { assetRoutes, pageRoutes, readAssets } from './routes/page.ts';
import { queueRoutes } from './routes/queues.ts';
import { retryRoutes } from './routes/retry.ts';
import { securityHeaders } from './security-headers.ts';
import { traceRequests } from './trace-requests.ts';

export type AppDeps = {
  db: Database;
  queue: AlertQueue;
  readiness: Readiness;
  log: Logger;
  trustProxy: number;
  auth: Auth;
  /** None with AUTH=off: who is trusted with everything is not counted. */
  limits?: RateLimits | undefined;
  room: QueueRoom;
  changes: ChangeFeed;
  waits: AlertWaits;
  /** Event streams and waits held open at a time, of one key or address. */
  maxHeld: number;
  /** Of pages elsewhere that may call this api. */
  corsOrigins: readonly string[];
  /** Origin of the video server as browsers reach it; undefined: the operator's page shows no videos. */
  videos?: string | undefined;
  metrics: ApiMetrics;
};

/** The Express app on what it is given: opens nothing, so closes nothing. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', deps.trustProxy);
  app.set('etag', 'strong');
  app.set('query parser', 'simple');
  app.use(traceRequests);
  app.use(requestContext(deps.log));
  app.use(countAnswers(deps.metrics));
  app.use((_req, res, next) => {
    if (deps.readiness.stopping()) res.set('Connection', 'close');
    next();
  });
  app.use(securityHeaders(deps.videos));
  app.use(healthRoutes(deps.readiness));
  const origins = new Set(deps.corsOrigins);
  app.use(cors(origins));
  if (deps.limits) app.use(deps.limits.ofAddress);
  app.use(sameOriginOnly(origins));
  app.use(docsRoutes());
  app.use(loginRoutes(deps.auth));
  const assets = readAssets();
  app.use(assetRoutes(assets));
  // Above this line is what anyone may ask for; below it each route says which scope it needs.
  app.use(identify(deps.auth));
  if (deps.limits) app.use(deps.limits.ofKey);
  const holds = new Holds(deps.maxHeld);
  app.use(metricsRoutes(deps.metrics.registry));
  app.use(eventRoutes({ ...deps, holds }));
  app.use(retryRoutes(deps));
  app.use(pageRoutes(assets, { videos: deps.videos, doneJobs: deps.queue.keepsDone }));
  app.use(operatorRoutes(deps));
  app.use(batchRoutes(deps));
  app.use(alertRoutes({ ...deps, holds }));
  app.use(queueRoutes(deps));
  app.use(notFound);
  app.use(problemHandler);
  return app;
}
