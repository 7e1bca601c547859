import { isIP } from 'node:net';
import { isBlockedAddress } from '#destinations/address-rules.ts';
import type { AlertJson, Message } from './kind.ts';

/** What a person reads about a message, as plain text. Each kind escapes it for its own format. */
export type Summary = {
  level: 'success' | 'failure' | 'warning' | 'info';
  /** One line. */
  title: string;
  /** One sentence. */
  text: string;
  facts: [name: string, value: string][];
  /** Of a group: one line per alert, oldest first, and how many alerts are not in it. */
  list: string[];
  more: number;
  /** The picture of the alert. `link`: a signed URL that needs no key and expires. */
  picture: { alt: string; link: string | undefined } | undefined;
  /** Absolute URL of the alert or of the list of alerts. */
  link: { label: string; url: string } | undefined;
};

type Text = Omit<Summary, 'picture'>;

const MAX_LISTED = 20;
/** About the installation, not about this video: every message would repeat them. */
const GENERAL_REASONS = new Set(['disabled', 'no_decoder', 'no_storage']);
/** A receiver shows these as line breaks, or lets them reorder the text around them. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Returns the text of a message. Every field is one line without control characters, of a limited length. */
export function summarize(message: Message): Summary {
  const summary = message.group ? groupSummary(message) : (alertSummary(message) ?? storeSummary(message));
  return {
    ...summary,
    title: line(summary.title, 150),
    text: line(summary.text, 500),
    facts: summary.facts.map(([name, value]) => [name, line(value, 500)]),
    list: summary.list.map((each) => line(each, 200)),
    picture: pictureOf(message),
  };
}

/** Returns the link to the picture if a server on the Internet may be able to open it: some services reject other links. */
export function publicPictureLink({ picture }: Summary): string | undefined {
  if (picture?.link === undefined) return undefined;
  const { hostname } = new URL(picture.link);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0) return isBlockedAddress(host, []) ? undefined : picture.link;
  return host.includes('.') ? picture.link : undefined;
}

/** Returns the text shortened to `max` characters (UTF-16 units), with an ellipsis. */
export function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

function line(text: string, max: number): string {
  return shorten(text.replace(UNSAFE, ' ').toWellFormed(), max);
}

function pictureOf({ alert, group, picture }: Message): Summary['picture'] {
  if (!alert || group || !picture || !('bytes' in picture)) return undefined;
  const size = `${picture.width} × ${picture.height}`;
  const alt = line(`${alert.store}, ${timeText(new Date(alert.timestamp * 1000))}, ${size}`, 200);
  return { alt, link: picture.link };
}

/** Returns why there is no picture, where that is about this alert. */
function missingPicture({ picture }: Message): [string, string][] {
  if (!picture || 'bytes' in picture || GENERAL_REASONS.has(picture.reason)) return [];
  return [['Picture', `none: ${picture.detail || picture.reason}`]];
}

function storeSummary(message: Message): Text {
  const { event, createdAt, links, silence } = message;
  const name = nameOf(message);
  const facts: [string, string][] = [['Time', timeText(createdAt)]];
  const rest = { list: [], more: 0, link: linkOf('Open the list of alerts', links.list) };
  if (event === 'store.silent') {
    if (silence) facts.push(['Last alert', timeText(silence.lastAlertAt)]);
    if (silence) facts.push(['Usual since then', `${Math.round(silence.expected)} alerts`]);
    const text = `${subjectOf(message)} stopped sending alerts.`;
    return { level: 'warning', title: `${name}: no alerts`, text, facts, ...rest };
  }
  if (event === 'store.back') {
    if (silence) facts.push(['Silent since', timeText(silence.since)]);
    const text = `${subjectOf(message)} started sending alerts again.`;
    return { level: 'success', title: `${name}: alerts again`, text, facts, ...rest };
  }
  return { level: 'info', title: 'Test message', text: 'This destination works.', facts, ...rest };
}

function nameOf({ store, silence }: Message): string {
  if (store === null) return silence ? 'All stores' : 'unknown store';
  return silence?.camera ? `${store}, ${silence.camera}` : store;
}

function subjectOf({ store, silence }: Message): string {
  if (store === null && silence) return 'Nearly all stores have';
  return silence?.camera ? 'The camera has' : 'The store has';
}

function alertSummary(message: Message): Text | undefined {
  const { alert, event, late, links } = message;
  if (!alert) return undefined;
  const facts: [string, string][] = [
    ['Store', alert.store],
    ['Recorded', timeText(new Date(alert.timestamp * 1000))],
    ['Video', alert.video],
  ];
  const base = { list: [], more: 0, link: linkOf('Open the alert', links.alert) };
  if (event === 'alert.late') {
    if (late) facts.push(['Reason', late.reason], ['Waiting since', timeText(late.since)]);
    if (late?.nextAttemptAt) facts.push(['Next attempt', timeText(late.nextAttemptAt)]);
    return {
      level: 'warning',
      title: `${alert.store}: alert is late`,
      text: 'The alert has no result yet.',
      facts,
      ...base,
    };
  }
  if (alert.failure) {
    facts.push(['Failure', alert.failure.code], ['Detail', alert.failure.detail]);
    const title = `${alert.store}: alert failed (${alert.failure.code})`;
    return { level: 'failure', title, text: 'The resolution of the video is unknown.', facts, ...base };
  }
  const resolution = alert.resolution ?? 'unknown';
  facts.push(['Resolution', resolution]);
  facts.push(...missingPicture(message));
  const text = `The video has the resolution ${resolution}.`;
  return { level: 'success', title: `${alert.store}: ${resolution}`, text, facts, ...base };
}

function groupSummary({ group, links }: Message): Text {
  if (!group) throw new Error('not a group');
  const failed = group.alerts.filter(({ status }) => status === 'failed').length;
  const listed = group.alerts.slice(0, MAX_LISTED);
  return {
    level: failed > 0 ? 'failure' : 'info',
    title: `${group.store}: ${group.count} ${group.count === 1 ? 'alert' : 'alerts'}`,
    text: `${group.count} ${group.count === 1 ? 'alert' : 'alerts'} of this store since the previous message.`,
    facts: [
      ['Store', group.store],
      ['From', timeText(group.from)],
      ['To', timeText(group.to)],
    ],
    list: listed.map(alertLine),
    more: Math.max(group.count - listed.length, 0),
    link: linkOf('Open the list of alerts', links.list ?? links.alert),
  };
}

function alertLine({ timestamp, status, resolution, failure, uuid }: AlertJson): string {
  const result = failure ? `failed (${failure.code})` : (resolution ?? status);
  return `${timeText(new Date(timestamp * 1000))}: ${result}, ${uuid}`;
}

function linkOf(label: string, url: string | undefined): Summary['link'] {
  return url === undefined ? undefined : { label, url };
}

/** In UTC, because a destination has no time zone. */
function timeText(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'unknown' : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
