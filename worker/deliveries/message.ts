import type { ClaimedDelivery } from '#prisma/deliveries.ts';
import { lateOf, presentAlert } from '#prisma/present-alert.ts';
import type { Message } from '../notify/kind.ts';

/** Returns the message of a delivery; every attempt returns the same one. `publicUrl`: the operator's page. */
export function messageOf(claimed: ClaimedDelivery, publicUrl: string | undefined): Message {
  const { id, event, createdAt, store, snapshot, silence, group } = claimed;
  const message: Message = {
    id,
    event: event as Message['event'], // the database's writers use no other events
    createdAt,
    store,
    links: linksOf(claimed, publicUrl),
  };
  if (snapshot) message.alert = presentAlert(snapshot);
  if (snapshot && event === 'alert.late') {
    const { reason, since, next_attempt_at } = lateOf(snapshot);
    const nextAttemptAt = next_attempt_at === null ? null : new Date(next_attempt_at);
    message.late = { reason, since: new Date(since), nextAttemptAt };
  }
  if (silence) {
    const { camera, since, last_alert_at: lastAlertAt, expected } = silence;
    message.silence = { camera, since: new Date(since), lastAlertAt: new Date(lastAlertAt), expected };
  }
  if (group && group.count > 1) {
    const { count, from, to, snapshots } = group;
    message.group = { store: store ?? '', count, from, to, alerts: snapshots.map((each) => presentAlert(each)) };
  }
  return message;
}

function linksOf({ snapshot, store, group }: ClaimedDelivery, publicUrl: string | undefined): Message['links'] {
  if (publicUrl === undefined) return {};
  // The page's list is bounded by the time of receipt.
  const first = group?.snapshots[0];
  const range = first
    ? { from: new Date(first.received_at).toISOString(), to: group.to.toISOString() }
    : { range: 'all' };
  const links: Message['links'] = { list: linkTo(publicUrl, store === null ? {} : { store, ...range }) };
  if (snapshot) links.alert = linkTo(publicUrl, { alert: snapshot.uuid });
  return links;
}

/** The page reads its filter and the open alert from the URL's query. */
function linkTo(publicUrl: string, parameters: Record<string, string>): string {
  const url = new URL(publicUrl);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}
