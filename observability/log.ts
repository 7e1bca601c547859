import { type DestinationStream, type Logger, pino } from 'pino';

export type LogOptions = {
  /** Which part of the house speaks: api, worker. */
  part: string;
  level: string;
  /** Lines for eyes instead of JSON. */
  terminal: boolean;
  /** Unset: stdout, each line written before the call returns. */
  out?: DestinationStream;
};

/**
 * A part's logger. Nothing that passes through it shows a key, a password in a URL, or the value of a header that
 * carries one, wherever in the line it stands: in a field, in an error's text or in its cause.
 */
export async function createLog({
  part,
  level,
  terminal,
  out = pino.destination({ dest: 1, sync: true }),
}: LogOptions): Promise<Logger> {
  const options = { level, base: { part, pid: process.pid }, hooks: { streamWrite: withoutSecrets } };
  return pino(options, terminal ? await forEyes(out) : out);
}

/** pino-pretty's own stream writes later than it is asked to: lines would be lost at exit, and fall behind notifications. */
async function forEyes(out: DestinationStream): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({ colorize: true, ignore: 'pid', translateTime: 'SYS:HH:MM:ss.l' });
  return { write: (line) => out.write(format(line)) };
}

/** A value ends at the first quote that is not escaped; a header given twice is a list. */
const NAMED =
  /("(?:authorization|proxy-authorization|cookie|set-cookie|x-api-key|password|secret|csrf)":)("(?:[^"\\]|\\.)*"|\[[^\]]*\])/gi;
const SECRETS: [pattern: RegExp, instead: string][] = [
  [NAMED, '$1"[redacted]"'],
  [/\b(va_[A-Za-z0-9]+)_[\w-]+/g, '$1_[redacted]'],
  [/\b(Bearer|Basic) +[\w.~+/=-]{8,}/gi, '$1 [redacted]'],
  // To the last @ before the path: a password may hold one itself.
  [/(\b[a-z][a-z\d+.-]*:\/\/[^\s"/:@]*):[^\s"/]*@/gi, '$1:[redacted]@'],
];

/** The line as it may be written. Some 2 µs a line. */
export function withoutSecrets(line: string): string {
  let clean = line;
  for (const [pattern, instead] of SECRETS) clean = clean.replace(pattern, instead);
  return clean;
}
