import { SendError } from './kind.ts';

const MAX_BODY_BYTES = 1024;
/** Everything that is not printed: PostgreSQL cannot store NUL, and a terminal obeys the others. */
const UNPRINTABLE = /[^\P{Cc}\n\t]/gu;

/**
 * Returns the SendError for an error of a connection or a library. Only its code is kept in the message: libraries put
 * URLs, headers and received bytes into theirs.
 */
export function sendErrorOf(error: unknown, signal: AbortSignal): SendError {
  const known = findSendError(error);
  if (known) return known;
  if (signal.aborted) return abortError(signal);
  const code = codeOf(error);
  return new SendError(sentenceOf(code), { cause: withoutDetails(error, code) });
}

/** Returns the SendError for a send that its signal ended. */
export function abortError(signal: AbortSignal): SendError {
  const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return new SendError(timedOut ? 'the receiver did not respond in time' : 'the send was aborted');
}

/** Returns at most 1 kB of a received text, without control characters and without these secrets. */
export function excerpt(text: string, secrets: readonly string[] = []): string {
  let clean = text;
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, '***');
  clean = clean.replace(UNPRINTABLE, '\u{fffd}').toWellFormed();
  const bytes = Buffer.from(clean);
  if (bytes.length <= MAX_BODY_BYTES) return clean;
  // A character cut in half at the end becomes U+FFFD; remove it.
  return bytes
    .subarray(0, MAX_BODY_BYTES)
    .toString('utf8')
    .replace(/\u{fffd}+$/u, '');
}

/** Looks through causes and through the errors of several addresses. */
function findSendError(error: unknown, depth = 0): SendError | undefined {
  if (error instanceof SendError) return error;
  if (!(error instanceof Error) || depth > 4) return undefined;
  const inner = error instanceof AggregateError ? [...error.errors, error.cause] : [error.cause];
  for (const each of inner) {
    const found = findSendError(each, depth + 1);
    if (found) return found;
  }
  return undefined;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  // nodemailer replaces the code of a system error with its own.
  const { code: own, originalCode: code = own } = error as { code?: unknown; originalCode?: unknown };
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) && code !== 'ERR_GOT_REQUEST_ERROR') return code;
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return error.cause instanceof Error ? codeOf(error.cause) : 'unknown error';
}

const CERTIFICATE = /CERT|SIGNATURE|ISSUER|_CRL|ERR_TLS_/;

function sentenceOf(code: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `the receiver's host name was not found (${code})`;
  if (CERTIFICATE.test(code)) return `the receiver's TLS certificate was rejected (${code})`;
  if (/^ERR_SSL_|^EPROTO$|^ETLS$/.test(code)) return `TLS with the receiver failed (${code})`;
  if (/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EHOSTDOWN|EINVAL|EACCES|EPERM)$/.test(code)) {
    return `cannot connect to the receiver (${code})`;
  }
  if (/^(ECONNRESET|EPIPE|ECONNABORTED)$/.test(code)) return `the receiver closed the connection (${code})`;
  if (code === 'ETIMEDOUT') return 'the receiver did not respond in time';
  if (code.startsWith('HPE_')) return `the receiver sent an invalid response (${code})`;
  return `sending failed (${code})`;
}

function withoutDetails(error: unknown, code: string): Error {
  return Object.assign(new Error(code), { name: error instanceof Error ? error.name : 'Error', code });
}
