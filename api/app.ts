import express, { type Express } from 'express';
import type { Logger } from 'pino';
import type { Database } from '#prisma/client.ts';
import type { AlertQueue } from '#redis/queue.ts';
import type { Backpressure } from './alerts/backpressure.ts';
import { batchRoutes } from './alerts/batch-routes.ts';
import type { ChangeFeed } from './alerts/change-feed.ts';
import { eventRoutes } from './alerts/event-stream.ts';
import type { LongPoll } from './alerts/long-poll.ts';
import { reportRoutes } from './alerts/report-routes.ts';
import { retryRoutes } from './alerts/retry-routes.ts';
import { alertRoutes } from './alerts/routes.ts';
import { type Auth, identify } from './auth/caller.ts';
import { loginRoutes } from './auth/login.ts';
import { readAssets } from './dashboard/assets.ts';
import { assetRoutes, pageRoutes } from './dashboard/routes.ts';
import { cors } from './http/cors.ts';
import { sameOriginOnly } from './http/cross-site.ts';
import { LongPollSlots } from './http/long-poll-slots.ts';
import { notFound, problemHandler } from './http/problem.ts';
import type { RateLimits } from './http/rate-limit.ts';
import { requestContext } from './http/request-context.ts';
import { requestTracing } from './http/request-tracing.ts';
import { responseMetrics } from './http/response-metrics.ts';
import { securityHeaders } from './http/security-headers.ts';
import { docsRoutes } from './openapi/docs-route.ts';
import { queueRoutes } from './operations/bull-board.ts';
import { healthRoutes, type Readiness } from './operations/health.ts';
import type { ApiMetrics } from './operations/metrics.ts';
import { metricsRoutes } from './operations/metrics-route.ts';

export type AppDeps = {
  db: Database;
  queue: AlertQueue;
  readiness: Readiness;
  log: Logger;
  trustProxy: number;
  auth: Auth;
  /** None with AUTH=off: who is trusted with everything is not counted. */
  limits?: RateLimits | undefined;
  room: Backpressure;
  changes: ChangeFeed;
  waits: LongPoll;
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
  app.use(requestTracing);
  app.use(requestContext(deps.log));
  app.use(responseMetrics(deps.metrics));
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
  const holds = new LongPollSlots(deps.maxHeld);
  app.use(metricsRoutes(deps.metrics.registry));
  app.use(eventRoutes({ ...deps, holds }));
  app.use(retryRoutes(deps));
  app.use(pageRoutes(assets, { videos: deps.videos, doneJobs: deps.queue.keepsCompletedJobs }));
  app.use(reportRoutes(deps));
  app.use(batchRoutes(deps));
  app.use(alertRoutes({ ...deps, holds }));
  app.use(queueRoutes(deps));
  app.use(notFound);
  app.use(problemHandler);
  return app;
}
