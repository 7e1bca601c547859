import { setTimeout as sleep } from 'node:timers/promises';
import { type RequestHandler, Router } from 'express';
import type { z } from 'zod';
import { appendAudit } from '#prisma/audit.ts';
import { createTestDelivery } from '#prisma/deliveries.ts';
import { type DeliveryRow, findDelivery } from '#prisma/delivery-listing.ts';
import { updateDestination } from '#prisma/destinations.ts';
import { actorOf } from '../audit/actor.ts';
import { requireManage, slotHolderOf } from '../auth/client.ts';
import type { LongPollSlots } from '../http/long-poll-slots.ts';
import { allow, Problem } from '../http/problem.ts';
import { presentDelivery } from './present.ts';
import { changeableId, type DestinationDeps, existing, unknownDestination } from './routes.ts';
import type { testResultSchema } from './schema.ts';
import { rotate, unavailable } from './secrets.ts';

type Deps = DestinationDeps & {
  longPollSlots: LongPollSlots;
  /** How long a test waits for its attempt. */
  testWaitMs: number;
};

/** Longer than a send may take (DELIVERY_TIMEOUT_MS) and shorter than the timeouts of clients and proxies. */
export const TEST_WAIT_MS = 20_000;
const POLL_MS = 100;

/** POST /destinations/:id/test and POST /destinations/:id/rotate-secret. */
export function destinationTestRoutes(deps: Deps): Router {
  const router = Router();
  router.route('/destinations/:id/test').post(requireManage, postTest(deps)).all(allow('POST'));
  router.route('/destinations/:id/rotate-secret').post(requireManage, postRotation(deps)).all(allow('POST'));
  return router;
}

function postTest(deps: Deps): RequestHandler {
  return async (req, res) => {
    const id = changeableId(req.params);
    const signal = deps.longPollSlots.take(slotHolderOf(req), res);
    const deliveryId = await createTestDelivery(deps.db, id);
    if (deliveryId === undefined) throw unknownDestination();
    req.log.info({ destination: id, delivery: deliveryId }, 'destination tested');
    await deps.triggerDelivery({ delivery: deliveryId });
    const delivery = await attempted(deps, deliveryId, signal);
    if (!delivery) throw unknownDestination(); // it was deleted during the test
    const result = resultOf(delivery);
    if (result) res.json(result);
    else res.status(202).set('Location', `/deliveries/${deliveryId}`).json(presentDelivery(delivery));
  };
}

/** Returns the delivery after its first attempt, or as it is at the end of the wait. */
async function attempted({ db, testWaitMs }: Deps, id: string, signal: AbortSignal): Promise<DeliveryRow | null> {
  const end = Date.now() + testWaitMs;
  for (;;) {
    const delivery = await findDelivery(db, id);
    if (!delivery || resultOf(delivery) || Date.now() >= end || signal.aborted) return delivery;
    await sleep(POLL_MS);
  }
}

function resultOf(delivery: DeliveryRow): z.input<typeof testResultSchema> | undefined {
  const attempt = delivery.history.at(-1);
  if (!attempt && delivery.status === 'pending') return undefined;
  return {
    delivery: delivery.id,
    delivered: delivery.status === 'delivered',
    status: delivery.responseStatus,
    body: delivery.responseBody,
    error: delivery.lastError,
    ms: attempt?.ms ?? null,
  };
}

function postRotation({ db, secretStore }: Deps): RequestHandler {
  return async (req, res) => {
    const row = await existing(db, changeableId(req.params));
    if (row.kind !== 'webhook') {
      throw new Problem('no-signing-secret', `The destination ${row.name} is of the kind ${row.kind}.`);
    }
    const { secrets, error } = secretStore.read(row);
    if (!secrets) throw unavailable(`The secrets cannot be read: ${error}`);
    const signing = rotate(secrets.signing);
    const sealed = secretStore.seal(row.id, { ...secrets, signing });
    await db.transaction(async (tx) => {
      await updateDestination(tx, row.id, { secrets: sealed });
      const details = { name: row.name };
      await appendAudit(tx, { actor: actorOf(req), action: 'destination.secret_rotated', target: row.id, details });
    });
    req.log.info({ destination: row.id }, 'signing secret rotated');
    res.json({ signing_secret: signing.secret, previous_valid_until: signing.previous?.valid_until ?? null });
  };
}
