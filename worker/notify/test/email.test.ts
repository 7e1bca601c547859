import { beforeAll, describe, expect, it } from 'vitest';
import { type MailServer, startMailServer } from '#test/harness/mail-server.ts';
import { freePort } from '#test/harness/ports.ts';
import { startReceiver } from '#test/harness/receiver.ts';
import { emailKind } from '../email.ts';
import {
  contextOf,
  FAILED,
  failureOf,
  HOSTILE,
  MESSAGES,
  messageOf,
  openGuard,
  PICTURE_LINK,
  tls,
  trustTestCertificate,
  WEBP,
} from './sending.ts';

const email = emailKind(openGuard());
type Config = Parameters<typeof email.send>[0];
const USER = { user: 'alerts', password: 's3cret-password' };

const configOf = ({ port }: { port: number }, changes: Partial<Config> = {}): Config => ({
  to: ['a@example.com', 'b@example.com'],
  from: 'alerts@example.com',
  host: 'localhost',
  port,
  security: 'starttls',
  ...changes,
});
const send = (server: MailServer, changes: Partial<Config> = {}, message = messageOf('processed')) =>
  email.send(configOf(server, changes), message, contextOf());

it('does not trust an unknown certificate', async () => {
  for (const security of ['starttls', 'tls'] as const) {
    await using server = await startMailServer({ tls, security, ...USER });
    const error = await failureOf(send(server, { security, ...USER }));
    expect(error.message).toMatch(/certificate|TLS/);
    expect(server.received).toEqual([]);
  }
});

describe('with a trusted certificate', () => {
  beforeAll(trustTestCertificate);

  it.each(['starttls', 'tls'] as const)('signs in and sends over %s', async (security) => {
    await using server = await startMailServer({ tls, security, ...USER });
    expect(await send(server, { security, ...USER })).toMatchObject({ status: 250 });
    expect(server.received).toMatchObject([
      { from: 'alerts@example.com', to: ['a@example.com', 'b@example.com'], secure: true, user: 'alerts' },
    ]);
  });

  it('sends without TLS only if the destination says so', async () => {
    await using server = await startMailServer({ tls, security: 'none' });
    const error = await failureOf(send(server, { security: 'starttls' }));
    expect(error.message).toBe('the mail server does not offer STARTTLS');
    expect(server.received).toEqual([]);
    await send(server, { security: 'none' });
    expect(server.received).toMatchObject([{ secure: false }]);
  });

  it('checks the certificate’s name', async () => {
    await using server = await startMailServer({ tls, security: 'tls' });
    const other = emailKind(openGuard((_host, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }])));
    const config = configOf(server, { host: 'mail.example', security: 'tls' });
    const error = await failureOf(other.send(config, messageOf('processed'), contextOf()));
    expect(error.message).toMatch(/certificate/);
    expect(server.received).toEqual([]);
  });

  it('reports a wrong password without showing it', async () => {
    await using server = await startMailServer({ tls, security: 'starttls', ...USER });
    const error = await failureOf(send(server, { user: 'alerts', password: 'other-s3cret' }));
    expect(error.message).toBe('the mail server rejected the user name or password (535)');
    expect(error).toMatchObject({ status: 535 });
    expect(JSON.stringify([error.message, error.body, String(error.cause)])).not.toContain('other-s3cret');
  });

  describe('a mail', () => {
    it.each(Object.keys(MESSAGES))('of %s has a text and an HTML part', async (name) => {
      await using server = await startMailServer({ tls, security: 'starttls' });
      const message = messageOf(name);
      await send(server, {}, message);
      const { parsed } = server.received[0] ?? expect.fail('nothing arrived');
      expect(parsed.subject).toMatch(/./);
      expect(parsed.text).toContain(parsed.subject);
      expect(parsed.html).toContain('<h1');
      const link = message.links.alert && !message.group && message.alert ? message.links.alert : message.links.list;
      if (link !== undefined) {
        expect(parsed.text).toContain(link);
        expect(parsed.html).toContain(link.replaceAll('&', '&amp;'));
      }
      expect(parsed.headers.get('auto-submitted')).toBe('auto-generated');
      expect(parsed.date).toEqual(new Date(Math.floor(message.createdAt.getTime() / 1000) * 1000));
    });

    it('contains the picture, and names its link in the text', async () => {
      await using server = await startMailServer({ tls, security: 'starttls' });
      await send(server, {}, messageOf('pictured'));
      const { parsed, raw } = server.received[0] ?? expect.fail('nothing arrived');
      expect(parsed.attachments).toMatchObject([
        { contentType: 'image/webp', filename: 'picture.webp', contentDisposition: 'inline', content: WEBP },
      ]);
      // The parser has replaced the reference with the part that it found.
      expect(parsed.html).toContain(`src="data:image/webp;base64,${WEBP.toString('base64')}"`);
      expect(parsed.html).toContain('alt="test-store, 2025-06-02 13:35:20 UTC, 640 × 360"');
      expect(parsed.text).toContain(PICTURE_LINK);
      expect(raw).toContain('cid:');
    });

    it('says why there is no picture', async () => {
      await using server = await startMailServer({ tls, security: 'starttls' });
      await send(server, {}, messageOf('unpictured'));
      const { parsed } = server.received[0] ?? expect.fail('nothing arrived');
      expect(parsed.text).toContain('none: the first key frame is damaged');
      expect(parsed.attachments).toEqual([]);
    });

    it('has the same Message-ID when it is sent again', async () => {
      await using server = await startMailServer({ tls, security: 'starttls' });
      await send(server);
      await send(server);
      const ids = server.received.map(({ parsed }) => parsed.messageId);
      expect(ids).toEqual(Array(2).fill(`<${messageOf('processed').id}@example.com>`));
    });

    it('escapes what the alert contains, and lets it add no header', async () => {
      await using server = await startMailServer({ tls, security: 'starttls' });
      const store = `x\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>${HOSTILE}`;
      await send(server, {}, messageOf('failed', { store, alert: { ...FAILED, store, video: `/${HOSTILE}.mp4` } }));
      const { parsed, to } = server.received[0] ?? expect.fail('nothing arrived');
      expect(to).toEqual(['a@example.com', 'b@example.com']);
      expect(parsed.bcc).toBeUndefined();
      expect(parsed.html).not.toMatch(/<script|<b>|<!channel/);
      expect(parsed.html).toContain('&lt;script&gt;');
      expect([...parsed.headers.keys()].sort()).toEqual([
        'auto-submitted',
        'content-type',
        'date',
        'from',
        'message-id',
        'mime-version',
        'subject',
        'to',
        'x-video-alerts-event',
      ]);
    });
  });

  it('reports recipients that were refused, and fails if all were', async () => {
    await using server = await startMailServer({ tls, security: 'starttls' });
    server.reject({ recipients: /^b@/ });
    expect((await send(server)).body).toContain('refused: b@example.com');
    server.reject({ recipients: /./ });
    const error = await failureOf(send(server));
    expect(error).toMatchObject({
      message: 'the mail server rejected the sender or all recipients (550)',
      status: 550,
    });
  });

  it('reports the server’s error', async () => {
    await using server = await startMailServer({ tls, security: 'starttls' });
    server.reject({ mails: { status: 452, text: 'mailbox is full' } });
    const error = await failureOf(send(server));
    expect(error).toMatchObject({ message: 'the mail server responded 452', status: 452 });
    expect(error.body).toContain('mailbox is full');
  });

  it('ends with the time limit when the server stops responding', async () => {
    await using server = await startMailServer({ tls, security: 'starttls' });
    server.stall();
    const error = await failureOf(email.send(configOf(server), messageOf('processed'), contextOf(1_500)));
    expect(error.message).toBe('the receiver did not respond in time');
  });

  it('reports a server that is not there, or is not a mail server', async () => {
    const nobody = await failureOf(
      email.send(configOf({ port: await freePort() }), messageOf('processed'), contextOf()),
    );
    expect(nobody.message).toBe('cannot connect to the receiver (ECONNREFUSED)');
    await using web = await startReceiver();
    const web400 = await failureOf(email.send(configOf(web), messageOf('processed'), contextOf(2_000)));
    expect(web400.message).toMatch(/^the (mail server|receiver) /);
  });
});
