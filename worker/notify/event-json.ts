import type { AlertJson, Message } from './kind.ts';

/** Standard Webhooks recommends less than 20 kB. */
const MAX_BYTES = 20_000;
/** Of a failure's detail or an error's text: only a message that is too large is shortened. */
const MAX_TEXT = 1_000;

/**
 * Returns the message as JSON for programs: `type`, `timestamp` and `data`, the alert. `late` and `group` are added where
 * they apply. `maxBytes`: the list of a group is shortened to fit; its `count` stays.
 */
export function eventJson(message: Message, maxBytes = MAX_BYTES): string {
  const event = eventObject(message);
  const text = JSON.stringify(event);
  if (Buffer.byteLength(text) < maxBytes) return text;
  const data = shortenTexts(event.data);
  const { group } = event;
  if (!group) return JSON.stringify({ ...event, data });
  let listed = group.alerts.length;
  for (;;) {
    const shorter = JSON.stringify({ ...event, data, group: { ...group, alerts: group.alerts.slice(0, listed) } });
    if (listed === 0 || Buffer.byteLength(shorter) < maxBytes) return shorter;
    listed -= 1;
  }
}

/** Returns the same as an object, for templates: nothing is left out. */
export function eventObject(message: Message) {
  const { event, createdAt, alert, late, group, links } = message;
  return {
    type: event,
    timestamp: createdAt.toISOString(),
    data: alert ? withPicture(alert, message) : storeData(message),
    ...(late
      ? {
          late: {
            reason: late.reason,
            since: late.since.toISOString(),
            next_attempt_at: late.nextAttemptAt?.toISOString() ?? null,
          },
        }
      : {}),
    ...(group
      ? {
          group: {
            store: group.store,
            count: group.count,
            from: group.from.toISOString(),
            to: group.to.toISOString(),
            alerts: group.alerts.map(listEntry),
          },
        }
      : {}),
    ...(Object.keys(links).length > 0 ? { links } : {}),
  };
}

/** Returns the store of an event without an alert, and its silence. */
function storeData({ store, silence }: Message) {
  if (!silence) return { store };
  const { camera, since, lastAlertAt, expected } = silence;
  return {
    ...{ store, camera, since: since.toISOString(), last_alert_at: lastAlertAt.toISOString() },
    expected: Math.round(expected * 10) / 10,
  };
}

/** Returns the alert with `url`, the signed link to its picture, in its `picture`. */
function withPicture(alert: AlertJson, { picture, group }: Message): AlertJson {
  if (group || !picture || !('bytes' in picture) || picture.link === undefined) return alert;
  const { width, height, link: url } = picture;
  return { ...alert, picture: { status: 'ready', reason: null, ...alert.picture, ...{ width, height, url } } };
}

/** About 150 bytes: a hundred of them fit into a message. */
function listEntry({ uuid, status, timestamp, resolution, failure }: AlertJson) {
  return { uuid, status, timestamp, resolution, failure_code: failure?.code ?? null };
}

function shortenTexts(value: unknown): unknown {
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT).toWellFormed()}…` : value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shortenTexts(each)]));
}
