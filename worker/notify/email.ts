import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import type { KindConfig } from '#destinations/kinds.ts';
import type { AddressGuard } from './address-guard.ts';
import { emailContent } from './email-content.ts';
import { type Kind, type Message, type SendContext, SendError, type Sent } from './kind.ts';
import { abortError, excerpt, sendErrorOf } from './send-errors.ts';

type EmailConfig = KindConfig<'email'>;

/** The send's own signal ends it earlier; nodemailer must only not wait for its defaults, up to ten minutes. */
const TIMEOUT_MS = 120_000;

/** Sends e-mails by SMTP, one connection each. */
export function emailKind(guard: AddressGuard): Kind<EmailConfig> {
  return {
    async send(config, message, { signal }) {
      signal.throwIfAborted();
      const connection = openConnection(guard, config);
      const onAbort = () => connection.destroy(abortError(signal));
      signal.addEventListener('abort', onAbort);
      try {
        await once(connection, 'connect');
        return await sendOn(connection, config, message);
      } catch (error) {
        throw smtpError(error, signal, config);
      } finally {
        signal.removeEventListener('abort', onAbort);
        connection.destroy();
      }
    },
  };
}

/** nodemailer gets a connection that is already open, and so never resolves a name itself. */
function openConnection(guard: AddressGuard, { host, port }: EmailConfig): Socket {
  const connection = guard.connect({ host: hostOf(host), port });
  // nodemailer reports the errors that happen while it uses the connection.
  connection.on('error', () => {});
  return connection;
}

async function sendOn(connection: Socket, config: EmailConfig, message: Message): Promise<Sent> {
  const { security, user, password } = config;
  const host = hostOf(config.host);
  const transport = createTransport({
    host,
    port: config.port,
    connection,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    tls: { rejectUnauthorized: true, host },
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  });
  try {
    const { response, rejected } = await transport.sendMail(mailOf(config, message));
    const refused = rejected.length > 0 ? `\nrefused: ${rejected.map(String).join(', ')}` : '';
    return { status: Number.parseInt(response, 10) || undefined, body: excerpt(`${response}${refused}`) };
  } finally {
    transport.close();
  }
}

/** Every attempt has the same Message-ID, so that mail programs and servers recognize a repetition. */
function mailOf({ from, to }: EmailConfig, message: Message) {
  const content = emailContent(message);
  return {
    from,
    to,
    ...content,
    date: message.createdAt,
    messageId: `<${message.id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Video-Alerts-Event': message.event },
  };
}

function smtpError(error: unknown, signal: SendContext['signal'], { password, user }: EmailConfig): SendError {
  if (signal.aborted) return abortError(signal);
  if (!(error instanceof Error)) return sendErrorOf(error, signal);
  const { code, response, responseCode: status } = error as Error & SmtpDetails;
  const body = response === undefined ? undefined : excerpt(response, secretsOf(user, password));
  const sentence = sentenceOf(code, status, error.message);
  return sentence === undefined ? sendErrorOf(error, signal) : new SendError(sentence, { status, body });
}

/** What nodemailer adds to its errors. */
type SmtpDetails = { code?: string; response?: string; responseCode?: number };

/** Returns undefined for errors of the connection. */
function sentenceOf(code: string | undefined, status: number | undefined, text: string): string | undefined {
  if (code === 'EAUTH') return `the mail server rejected the user name or password (${status ?? 'no status'})`;
  if (code === 'ENOAUTH') return 'the mail server offers no way to sign in';
  if (code === 'ETLS' && /STARTTLS/i.test(text)) return 'the mail server does not offer STARTTLS';
  if (code === 'EENVELOPE') return `the mail server rejected the sender or all recipients (${status ?? 'no status'})`;
  if (status !== undefined) return `the mail server responded ${status}`;
  if (code === 'ECONNECTION') return 'the mail server closed the connection';
  if (code === 'EPROTOCOL') return 'the mail server sent an invalid response';
  return undefined;
}

/** Also as a mail server sees them. */
function secretsOf(user = '', password = ''): string[] {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return [password, base64(password), base64(`\0${user}\0${password}`)];
}

/** An IPv6 address may be in brackets. */
function hostOf(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
