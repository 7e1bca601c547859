import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '#test/harness/receiver.ts';
import { discordPayload } from '../discord.ts';
import type { Kind, Message } from '../kind.ts';
import { openKinds } from '../kinds.ts';
import { ntfyPayload } from '../ntfy.ts';
import { slackPayload } from '../slack.ts';
import { teamsPayload } from '../teams.ts';
import { embedCharacters, objections } from './published-limits.ts';
import {
  contextOf,
  FAILED,
  failureOf,
  HOSTILE,
  MESSAGES,
  messageOf,
  openGuard,
  PICTURE_LINK,
  WEBP,
} from './sending.ts';

const PAYLOADS = {
  slack: slackPayload,
  discord: discordPayload,
  teams: teamsPayload,
  ntfy: (message: Message) => ntfyPayload({ topic: 'alerts' }, message),
} as const;
type Service = keyof typeof PAYLOADS;
const SERVICES = Object.keys(PAYLOADS) as Service[];

/** As long as the API allows, of characters that need most bytes and escapes. */
function largest(character: string): Message {
  const long = (length: number) => character.repeat(Math.floor(length / character.length));
  const failure = { code: 'video_server_unreachable', detail: long(4_000), retryable: true };
  const alert = { ...FAILED, store: long(128), video: `/${long(1_000)}.avi`, failure };
  const grouped = messageOf('grouped');
  if (!grouped.group) throw new Error('no group');
  const group = {
    ...grouped.group,
    store: long(128),
    alerts: grouped.group.alerts.map((each) => ({ ...each, failure })),
  };
  return { ...grouped, store: long(128), alert, group };
}

describe.each(SERVICES)('%s', (service) => {
  it.each(Object.keys(MESSAGES))('keeps to the published format for %s', (name) => {
    expect(objections(service, PAYLOADS[service](messageOf(name)))).toEqual([]);
  });

  it.each(['x', '*', '&', '<', '"', '\\', '💥', '中', '\u0000', '{{'])(
    'keeps to the published limits with texts of %j only',
    (character) => {
      const message = largest(character);
      const { group: _group, ...single } = message;
      for (const each of [message, single, { ...single, event: 'alert.late' as const }]) {
        expect(objections(service, PAYLOADS[service](each))).toEqual([]);
      }
    },
  );

  it.each(['processed', 'failed', 'late', 'grouped', 'silent', 'back'])('links %s to the operator’s page', (name) => {
    const message = messageOf(name);
    const target = ['grouped', 'silent', 'back'].includes(name) ? message.links.list : message.links.alert;
    expect(JSON.stringify(PAYLOADS[service](message))).toContain(String(target).split('=')[0]);
  });

  it('needs no link', () => {
    for (const name of Object.keys(MESSAGES)) {
      expect(objections(service, PAYLOADS[service](messageOf(name, { links: {} })))).toEqual([]);
    }
  });
});

it('a title names store and result', () => {
  const titleOf = (name: string) => Reflect.get(ntfyPayload({ topic: 'a' }, messageOf(name)), 'title');
  expect(Object.keys(MESSAGES).map(titleOf)).toEqual([
    'test-store: 1280x720',
    'test-store: alert failed (video_not_found)',
    'test-store: alert is late',
    'test-store: 250 alerts',
    'test-store, entrance: no alerts',
    'test-store, entrance: alerts again',
    'All stores: no alerts',
    'Test message',
    'test-store: 1280x720',
    'test-store: 1280x720',
  ]);
});

it('a group counts the alerts that it does not list', () => {
  for (const service of SERVICES) {
    const text = JSON.stringify(PAYLOADS[service](messageOf('grouped')));
    expect(text).toContain('and 230 more');
    expect(text).toContain('250 alerts');
  }
});

it('Discord counts at most 6,000 characters', () => {
  for (const name of Object.keys(MESSAGES))
    expect(embedCharacters(discordPayload(messageOf(name)))).toBeLessThan(6_000);
  for (const character of ['*', '💥', 'x'])
    expect(embedCharacters(discordPayload(largest(character)))).toBeLessThan(6_000);
});

describe('a picture', () => {
  const linked = messageOf('pictured');
  const linkTo = (link: string) => messageOf('pictured', { picture: { bytes: WEBP, width: 640, height: 360, link } });

  it('is attached in ntfy and shown by Discord', () => {
    expect(ntfyPayload({ topic: 'a' }, linked)).toMatchObject({ attach: PICTURE_LINK, filename: 'picture.webp' });
    expect(discordPayload(linked)).toMatchObject({ embeds: [{ image: { url: PICTURE_LINK } }] });
  });

  it('is a link in Slack and Teams, which reject or do not show WebP', () => {
    const link = `<${PICTURE_LINK.replaceAll('&', '&amp;')}|Show the picture>`;
    expect(slackPayload(linked)).toMatchObject({ unfurl_media: true });
    expect(JSON.stringify(slackPayload(linked))).toContain(link);
    const action = { type: 'Action.OpenUrl', title: 'Show the picture', url: PICTURE_LINK };
    expect(JSON.stringify(teamsPayload(linked))).toContain(JSON.stringify(action));
  });

  it.each(['http://localhost:8000/p', 'http://alerts:8000/p', 'http://10.0.0.7/p', 'http://[::1]/p'])(
    'that only the own network can open, %s, is not sent to Discord, and is to phones',
    (link) => {
      expect(JSON.stringify(discordPayload(linkTo(link)))).not.toContain('"image"');
      expect(ntfyPayload({ topic: 'a' }, linkTo(link))).toMatchObject({ attach: link });
    },
  );

  it('without a link changes nothing', () => {
    const message = messageOf('pictured', { picture: { bytes: WEBP, width: 640, height: 360 } });
    for (const service of SERVICES) {
      expect(PAYLOADS[service](message)).toEqual(PAYLOADS[service](messageOf('processed')));
    }
  });

  it('that is missing has its reason, unless the reason is about the installation', () => {
    for (const service of SERVICES) {
      const textFor = (reason: string) =>
        JSON.stringify(PAYLOADS[service](messageOf('unpictured', { picture: { reason, detail: 'no frame' } })));
      expect(textFor('frame_damaged')).toMatch(/none\W{1,3} no frame/);
      for (const reason of ['disabled', 'no_decoder', 'no_storage']) expect(textFor(reason)).not.toContain('no frame');
    }
  });
});

describe('a store’s name is plain text', () => {
  const message = messageOf('failed', { store: HOSTILE, alert: { ...FAILED, store: HOSTILE } });

  it('in Slack', () => {
    const text = JSON.stringify(slackPayload(message));
    expect(text).not.toMatch(/<[!@b#]/);
    expect(text).toContain('&lt;!channel&gt;');
  });

  it('in Discord', () => {
    const payload = discordPayload(message);
    expect(payload).toMatchObject({ allowed_mentions: { parse: [] } });
    expect(JSON.stringify(payload)).not.toMatch(/[^\\]\[x\]|[^\\]@everyone/);
  });

  it('in Teams', () => {
    const text = JSON.stringify(teamsPayload(message));
    expect(text).not.toMatch(/[^\\]\[x\]|\{\{/);
  });

  it('in ntfy', () => {
    const text = JSON.stringify(ntfyPayload({ topic: 'alerts' }, message));
    expect(text).not.toContain('\u202e');
  });
});

describe('sending', () => {
  const kinds = openKinds(openGuard());
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await startReceiver();
  });
  afterAll(async () => {
    await kinds.webhook.close?.();
    await receiver.close();
  });
  const send = (kind: Kind<object>, config: object) => kind.send(config, messageOf('processed'), contextOf());

  it.each(['slack', 'teams', 'discord'] as const)('to %s posts the payload to the URL', async (service) => {
    await send(kinds[service], { url: `${receiver.url}/services/s3cret` });
    const request = receiver.received.at(-1);
    expect(request).toMatchObject({ method: 'POST', url: '/services/s3cret' });
    expect(request?.headers['content-type']).toBe('application/json');
    expect(JSON.parse(request?.body ?? '')).toEqual(
      JSON.parse(JSON.stringify(PAYLOADS[service](messageOf('processed')))),
    );
  });

  it.each(['slack', 'teams', 'discord'] as const)('to %s never shows the URL in an error', async (service) => {
    const url = `${receiver.url}/services/s3cret`;
    receiver.behave({ status: 404, body: `no such hook: ${url}` });
    const refused = await failureOf(send(kinds[service], { url }));
    expect(refused).toMatchObject({ status: 404, body: 'no such hook: ***' });
    const unreachable = await failureOf(send(kinds[service], { url: 'http://receiver.invalid/services/s3cret' }));
    for (const error of [refused, unreachable]) {
      expect(JSON.stringify([error.message, error.body, error.stack, String(error.cause)])).not.toContain('s3cret');
    }
    receiver.behave({ status: 204 });
  });

  it('to ntfy posts to the root of the server, with the token and the priority', async () => {
    await send(kinds.ntfy, { server: receiver.url, topic: 'alerts', token: 'tk_s3cret', priority: 5 });
    const request = receiver.received.at(-1);
    expect(request).toMatchObject({ method: 'POST', url: '/' });
    expect(request?.headers.authorization).toBe('Bearer tk_s3cret');
    expect(JSON.parse(request?.body ?? '')).toMatchObject({
      topic: 'alerts',
      priority: 5,
      tags: ['white_check_mark', 'alert.processed'],
    });
  });

  it('to ntfy without a token has no Authorization header', async () => {
    await send(kinds.ntfy, { server: receiver.url, topic: 'alerts' });
    expect(receiver.received.at(-1)?.headers.authorization).toBeUndefined();
  });
});
