import type { Database } from '#prisma/client.ts';
import type { DeliveryStatus } from '#prisma/generated/enums.ts';

const MINUTE_MS = 60_000;

/**
 * Inserts destinations in every state, deliveries of alerts that exist, and a mute. Nothing is ever sent: each destination is
 * disabled or blocked. Returns the id of the first destination.
 */
export async function seedDestinations(db: Database): Promise<string> {
  const ago = (ms: number) => new Date(Date.now() - ms);
  // Until then no worker makes an attempt.
  const blocked = { blockedUntil: new Date(Date.now() + 4 * MINUTE_MS), lastErrorAt: ago(40_000) };
  const refused = 'connect ECONNREFUSED 192.0.2.25:587';
  const email = {
    ...{ to: ['on-call@example.com'], from: 'alerts@example.com' },
    ...{ host: 'smtp.example.com', port: 587, security: 'starttls', user: 'alerts' },
  };
  const url = 'https://orders.example.com/hooks/video-alerts';
  const { id } = await db.destination.create({
    data: {
      name: 'orders-backend',
      kind: 'webhook',
      config: { url },
      ...blocked,
      ...{ lastDeliveredAt: ago(MINUTE_MS), consecutiveFailures: 5, lastError: 'the receiver responded 500' },
    },
  });
  await db.destination.createMany({
    data: [
      { name: 'on-call', kind: 'email', config: email, ...blocked, consecutiveFailures: 12, lastError: refused },
      {
        ...{ name: 'operations-channel', kind: 'slack', config: {}, filterEvents: ['alert.failed', 'alert.late'] },
        ...{ enabled: false, disabledReason: 'the receiver responded 410 Gone', disabledAt: ago(50 * MINUTE_MS) },
        ...{ groupBy: 'store', groupWaitS: 30, groupIntervalS: 300 },
      },
      {
        ...{
          name: 'wall-display',
          kind: 'mqtt',
          config: { url: 'mqtts://broker.example.com', topic_prefix: 'alerts' },
        },
        ...{ enabled: false, disabledAt: ago(5 * MINUTE_MS), lastDeliveredAt: ago(6 * MINUTE_MS) },
      },
    ],
  });
  const mute = await db.mute.create({
    data: {
      ...{ store: 'old-town', reason: 'Camera is being repaired', createdBy: 'operator' },
      endsAt: new Date(Date.now() + 2 * 60 * MINUTE_MS),
    },
  });
  await seedDeliveries(db, id, mute.id);
  return id;
}

async function seedDeliveries(db: Database, destinationId: string, muteId: string): Promise<void> {
  const alerts = await db.alert.findMany({ take: 40, orderBy: { receivedAt: 'desc' } });
  await db.delivery.createMany({
    data: alerts.map((alert, n) => {
      const status: DeliveryStatus =
        alert.store === 'old-town' ? 'muted' : n < 2 ? 'pending' : n < 6 ? 'failed' : 'delivered';
      return {
        ...{
          destinationId,
          alertId: alert.id,
          event: `alert.${alert.status}`,
          store: alert.store,
          snapshot: {},
          status,
        },
        createdAt: alert.processedAt ?? alert.receivedAt,
        ...OUTCOMES[status](alert.processedAt ?? alert.receivedAt, muteId),
      };
    }),
  });
}

const OUTCOMES = {
  pending: (at: Date) => ({
    ...{ attempts: 1, lastError: 'no response within 10000 ms', nextAttemptAt: new Date(Date.now() + 4 * MINUTE_MS) },
    history: [{ at: at.toISOString(), status: null, error: 'no response within 10000 ms', ms: 10_000 }],
  }),
  failed: (at: Date) => ({
    ...{ attempts: 10, lastError: 'the receiver responded 500', responseStatus: 500 },
    responseBody: '<h1>Internal Server Error</h1>',
    history: Array.from({ length: 10 }, (_, n) => ({
      ...{ at: new Date(at.getTime() + n * MINUTE_MS).toISOString(), status: 500 },
      ...{ error: 'the receiver responded 500', ms: 30 + n },
    })),
  }),
  delivered: (at: Date) => ({
    ...{ attempts: 1, responseStatus: 204, deliveredAt: new Date(at.getTime() + 40) },
    history: [{ at: at.toISOString(), status: 204, error: null, ms: 31 }],
  }),
  muted: (_at: Date, muteId: string) => ({ muteId }),
};
