import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export type ReceivedMail = {
  /** As in the envelope. */
  from: string;
  to: string[];
  /** Whether the connection was encrypted, and the user that signed in. */
  secure: boolean;
  user: string | undefined;
  raw: string;
  parsed: ParsedMail;
};

export type MailServer = AsyncDisposable & {
  port: number;
  received: ReceivedMail[];
  readonly connections: number;
  /** From now on: the SMTP error for every recipient that matches, or for every mail. */
  reject(options: { recipients?: RegExp; mails?: { status: number; text: string } }): void;
  /** From now on, mails are received but never acknowledged. */
  stall(): void;
};

/**
 * Starts an SMTP server on 127.0.0.1. `security`: STARTTLS offered and required for signing in, TLS from the first byte, or
 * neither. `user` and `password`: what it accepts; without them nobody has to sign in.
 */
export async function startMailServer(options: {
  tls: { key: string; cert: string };
  security: 'starttls' | 'tls' | 'none';
  user?: string;
  password?: string;
}): Promise<MailServer> {
  const received: ReceivedMail[] = [];
  let connections = 0;
  let rejected: Parameters<MailServer['reject']>[0] = {};
  let stalled = false;
  const failure = (status: number, text: string) => Object.assign(new Error(text), { responseCode: status });
  const settings: SMTPServerOptions = {
    ...options.tls,
    secure: options.security === 'tls',
    hideSTARTTLS: options.security !== 'starttls',
    disabledCommands: [
      ...(options.security === 'none' ? ['STARTTLS'] : []),
      ...(options.user === undefined ? ['AUTH'] : []),
    ],
    authOptional: options.user === undefined,
    onConnect: (_session, callback) => {
      connections += 1;
      callback();
    },
    onAuth: ({ username, password }, _session, callback) => {
      const valid = username === options.user && password === options.password;
      callback(valid ? null : failure(535, 'authentication failed'), valid ? { user: username } : undefined);
    },
    onRcptTo: ({ address }, _session, callback) => {
      callback(rejected.recipients?.test(address) ? failure(550, 'no such mailbox') : undefined);
    },
    onData: async (stream, session, callback) => {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      if (stalled) return;
      if (rejected.mails) return callback(failure(rejected.mails.status, rejected.mails.text));
      const raw = Buffer.concat(chunks);
      const { mailFrom, rcptTo } = session.envelope;
      received.push({
        from: mailFrom ? mailFrom.address : '',
        to: rcptTo.map(({ address }) => address),
        secure: session.secure,
        user: session.user === undefined ? undefined : String(session.user),
        raw: raw.toString('utf8'),
        parsed: await simpleParser(raw),
      });
      callback();
    },
  };
  const server = new SMTPServer(settings);
  server.on('error', () => {}); // a client that rejects the certificate
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const { port } = server.server.address() as AddressInfo;
  return {
    port,
    received,
    get connections() {
      return connections;
    },
    reject: (next) => {
      rejected = next;
    },
    stall: () => {
      stalled = true;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
