import express, { type Express, type Router } from 'express';
import type { Logger } from 'pino';
import type { DescribedVariable } from '#config/describe.ts';
import type { Cidr } from '#destinations/address-rules.ts';
import type { Database } from '#prisma/client.ts';
import { FAILURE_ADVICE } from '#prisma/failure-codes.ts';
import type { StaleReads } from '#prisma/replica.ts';
import type { DeliveryQueue } from '#redis/delivery-queue.ts';
import type { AlertQueue } from '#redis/queue.ts';
import type { Backpressure } from './alerts/backpressure.ts';
import { batchRoutes } from './alerts/batch-routes.ts';
import type { ChangeFeed } from './alerts/change-feed.ts';
import { eventRoutes } from './alerts/event-stream.ts';
import { holdRoutes } from './alerts/hold-routes.ts';
import type { LongPoll } from './alerts/long-poll.ts';
import { reportRoutes } from './alerts/report-routes.ts';
import type { ResponseCache } from './alerts/response-cache.ts';
import { retryRoutes } from './alerts/retry-routes.ts';
import { alertCollectionRoutes, singleAlertRoutes } from './alerts/routes.ts';
import { newAlertSchemaFor } from './alerts/schema.ts';
import { silenceRoutes } from './alerts/silence-routes.ts';
import { createStoreNames } from './alerts/store-names.ts';
import type { SourceOf } from './alerts/waiting.ts';
import { type ReadLog, recordReads } from './audit/reads.ts';
import { auditRoutes } from './audit/routes.ts';
import { type Auth, authenticate } from './auth/client.ts';
import type { FailedLogins } from './auth/failed-logins.ts';
import { loginRoutes } from './auth/login.ts';
import { readAssets } from './dashboard/assets.ts';
import { showProblemPage } from './dashboard/problem-page.ts';
import { assetRoutes, pageRoutes } from './dashboard/routes.ts';
import { deliveryRoutes } from './destinations/delivery-routes.ts';
import { muteRoutes } from './destinations/mute-routes.ts';
import { type DestinationDeps, destinationRoutes } from './destinations/routes.ts';
import { createSecretStore } from './destinations/secrets.ts';
import { destinationTestRoutes, TEST_WAIT_MS } from './destinations/test-routes.ts';
import { createDeliveryTrigger } from './destinations/trigger.ts';
import { exportRoutes } from './exports/routes.ts';
import { cors } from './http/cors.ts';
import { sameOriginOnly } from './http/cross-site.ts';
import { LongPollSlots } from './http/long-poll-slots.ts';
import { notFound, problemHandler } from './http/problem.ts';
import type { RateLimits } from './http/rate-limit.ts';
import { logResponse, requestContext } from './http/request-context.ts';
import { endSpan, requestTracing } from './http/request-tracing.ts';
import { observeResponses } from './http/response-observer.ts';
import { securityHeaders } from './http/security-headers.ts';
import { keyRoutes } from './keys/routes.ts';
import { copyRoutes } from './media/copy-routes.ts';
import { linkRoutes } from './media/link-routes.ts';
import { type MediaSettings, mediaRoutes } from './media/routes.ts';
import { docsRoutes } from './openapi/docs-route.ts';
import { backupRoutes } from './operations/backup-routes.ts';
import { queueRoutes } from './operations/bull-board.ts';
import { healthRoutes, type Readiness } from './operations/health.ts';
import type { ApiMetrics } from './operations/metrics.ts';
import { metricsRoutes } from './operations/metrics-route.ts';
import { responseMetrics } from './operations/response-metrics.ts';
import { retentionRoutes } from './retention/routes.ts';
import { settingsRoutes } from './settings/routes.ts';
import { storeRoutes } from './stores/routes.ts';
import { triageRoutes } from './triage/routes.ts';

export type AppDeps = {
  db: Database;
  /** For lists and statistics. */
  staleReads: StaleReads;
  queue: AlertQueue;
  deliveryQueue: DeliveryQueue;
  readiness: Readiness;
  /** The variables of this process, without secrets. */
  configuration: readonly DescribedVariable[];
  log: Logger;
  trustProxy: number;
  /** Whether pictures are made. */
  pictures: boolean;
  auth: Auth;
  /** Undefined with AUTH=off: without keys there are no limits. */
  rateLimits?: RateLimits | undefined;
  backpressure: Backpressure;
  changeFeed: ChangeFeed;
  longPoll: LongPoll;
  responses: ResponseCache;
  /** Event streams and waits that a key, or an address if there are no keys, may hold open at the same time. */
  maxHeld: number;
  /** The origins of pages that may call this api. */
  corsOrigins: readonly string[];
  /** Names of this host that AUTH=off accepts in addition to localhost and IP addresses. */
  allowedHosts?: readonly string[];
  /** The origin of the video server as browsers reach it. Undefined: the operator's page shows no videos. */
  videos?: string | undefined;
  /** File name extensions of videos. Undefined: those of the five containers. */
  videoExtensions?: readonly string[] | undefined;
  /** Returns the names of the video sources that an alert can select. */
  sourceNames: () => readonly string[];
  sourceOf: SourceOf;
  metrics: ApiMetrics;
  reads: ReadLog;
  failedLogins: FailedLogins;
  media: MediaSettings;
  /** RETENTION_DAYS; undefined: alerts are kept forever unless a rule applies. */
  retentionDays?: number | undefined;
  destinations: DestinationSettings;
};

type DestinationSettings = {
  /** SECRETS_KEY; undefined: destinations have no secrets. */
  secretsKey?: Uint8Array | undefined;
  allowedCidrs: readonly Cidr[];
  /** Deliveries per second of a destination that is enabled again. */
  backlogRate: number;
  /** How long a test of a destination waits for its attempt. */
  testWaitMs?: number;
};

/** Returns the Express app. It opens no connection, so there is nothing to close. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', deps.trustProxy);
  app.set('etag', 'strong');
  app.set('query parser', 'simple');
  app.use(observeResponses(logResponse, responseMetrics(deps.metrics), endSpan));
  app.use(requestTracing, requestContext(deps.log));
  app.use((_req, res, next) => {
    if (deps.readiness.stopping()) res.set('Connection', 'close');
    next();
  });
  app.use(securityHeaders(deps.videos));
  app.use(healthRoutes(deps.readiness));
  const origins = new Set(deps.corsOrigins);
  app.use(cors(origins));
  if (deps.rateLimits) app.use(deps.rateLimits.byAddress);
  app.use(sameOriginOnly(origins));
  app.use(docsRoutes());
  app.use(recordReads(deps.reads), linkRoutes(deps));
  app.use(loginRoutes(deps));
  const assets = readAssets();
  app.use(assetRoutes(assets));
  // Routes above need no key; each route below declares its scope.
  app.use(authenticate(deps.auth, deps.allowedHosts));
  if (deps.rateLimits) app.use(deps.rateLimits.byKey);
  const longPollSlots = new LongPollSlots(deps.maxHeld);
  const storeNames = createStoreNames(deps.staleReads);
  const newAlertSchema = newAlertSchemaFor(deps.videoExtensions);
  const alertDeps = { ...deps, longPollSlots, storeNames, newAlertSchema };
  // Express tries all routes in order, and most requests are for these.
  app.use(alertCollectionRoutes(alertDeps));
  app.use(metricsRoutes(deps.metrics.registry));
  app.use(eventRoutes({ ...deps, longPollSlots }));
  app.use(retryRoutes(deps), holdRoutes(deps), auditRoutes(deps), backupRoutes(deps), keyRoutes(deps));
  app.use(pageRoutes(assets, { ...deps, doneJobs: deps.queue.keepsCompletedJobs, failureCodes: FAILURE_ADVICE }));
  app.use(reportRoutes({ ...deps, storeNames }), silenceRoutes(deps));
  app.use(batchRoutes({ ...deps, newAlertSchema }), triageRoutes(deps));
  app.use(exportRoutes(deps), singleAlertRoutes(alertDeps));
  app.use(mediaRoutes(deps), copyRoutes(deps));
  app.use(...allDestinationRoutes(deps, longPollSlots), retentionRoutes(deps), settingsRoutes(deps), storeRoutes(deps));
  app.use(queueRoutes(deps));
  app.use(notFound, showProblemPage, problemHandler);
  return app;
}

function allDestinationRoutes(
  { db, deliveryQueue, log, destinations }: AppDeps,
  longPollSlots: LongPollSlots,
): Router[] {
  const { secretsKey, allowedCidrs, backlogRate, testWaitMs = TEST_WAIT_MS } = destinations;
  const deps: DestinationDeps = {
    ...{ db, allowedCidrs, backlogRate },
    secretStore: createSecretStore(secretsKey),
    triggerDelivery: createDeliveryTrigger(deliveryQueue, log),
  };
  return [
    destinationTestRoutes({ ...deps, longPollSlots, testWaitMs }),
    destinationRoutes(deps),
    deliveryRoutes(deps),
    muteRoutes(deps),
  ];
}
