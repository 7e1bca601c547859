import { type RequestHandler, Router } from 'express';
import type { StaleReads } from '#prisma/replica.ts';
import type { StoreSummary } from '#prisma/store-overview.ts';
import { canAccessStore, requireScope } from '../auth/client.ts';
import { linkNextPage } from '../http/next-page.ts';
import { allow } from '../http/problem.ts';
import { parse } from '../http/request-body.ts';
import { encodeCursor, orderOf, rateOf, sortStores } from './order.ts';
import { type StoreOverview, type StorePage, storeOverviewQuerySchema } from './schema.ts';
import { createSnapshots } from './snapshots.ts';

/** GET /stores. */
export function storeRoutes({ staleReads }: { staleReads: StaleReads }): Router {
  const router = Router();
  router.route('/stores').get(requireScope('read'), getStores(staleReads)).all(allow('GET'));
  return router;
}

function getStores(staleReads: StaleReads): RequestHandler {
  const snapshotOf = createSnapshots(staleReads);
  return async (req, res) => {
    const { period, q = '', sort, order, limit, cursor } = parse(storeOverviewQuerySchema, req.query, 'query');
    const by = orderOf(sort, order);
    const snapshot = await snapshotOf(period);
    const text = q.toLowerCase();
    const matching = snapshot.stores.filter(
      ({ store }) => canAccessStore(req.apiClient, store) && store.toLowerCase().includes(text),
    );
    const following = sortStores(matching, by, cursor);
    const page = following.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = following.length > page.length && last ? encodeCursor(last, by) : null;
    linkNextPage(req, res, nextCursor);
    const buckets = await snapshot.bucketsOf(page.map(({ store }) => store));
    const body: StorePage = {
      data: page.map((summary, n) => presentStore(summary, buckets[n])),
      next_cursor: nextCursor,
      total: matching.length,
      from: snapshot.from.toISOString(),
      to: snapshot.to.toISOString(),
      bucket_seconds: snapshot.bucketSeconds,
      counted_from: snapshot.countedFrom?.toISOString() ?? null,
    };
    res.set('Cache-Control', 'private, no-cache').json(body);
  };
}

/** Returns a store as the response shows it. */
export function presentStore(
  summary: StoreSummary,
  buckets: StoreOverview['buckets'] = { alerts: [], failed: [] },
): StoreOverview {
  const { store, alerts, failed, unfinished, late } = summary;
  const previous = { alerts: summary.previousAlerts, failed: summary.previousFailed };
  return {
    ...{ store, alerts, failed, failure_rate: rateOf(summary), unfinished, late },
    last_alert_at: summary.lastAlertAt.toISOString(),
    silent_since: summary.silentSince?.toISOString() ?? null,
    previous: { ...previous, failure_rate: rateOf(previous) },
    buckets,
  };
}
