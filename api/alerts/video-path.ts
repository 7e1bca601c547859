import { z } from 'zod';

/** The video formats that cameras send. The api only checks the name; the worker detects the format from the content. */
const DEFAULT_EXTENSIONS = ['mp4', 'avi', 'mov', 'mkv', 'webm'] as const;
const EXTENSIONS: ReadonlySet<string> = new Set([
  ...DEFAULT_EXTENSIONS,
  ...['ts', 'mts', 'ps', 'flv', 'wmv', 'm4v', '3gp'],
]);

/** A field for file name extensions, with or without a dot. */
export const videoExtensionsField = z
  .string()
  .default(DEFAULT_EXTENSIONS.join())
  .transform((text) => text.split(',').map((extension) => extension.trim().replace(/^\./, '').toLowerCase()))
  .refine(
    (extensions) => extensions.every((extension) => EXTENSIONS.has(extension)),
    `must be comma-separated extensions: ${[...EXTENSIONS].join(', ')}`,
  );

export const CONTROL_CHARACTER = /\p{Cc}/u;

/** Returns why a path must not be requested from the video server, or undefined if it may be. */
export function videoPathError(
  path: string,
  extensions: readonly string[] = DEFAULT_EXTENSIONS,
): { code: string; message: string } | undefined {
  if (!path.isWellFormed() || CONTROL_CHARACTER.test(path)) {
    return { code: 'control_character', message: 'must not contain control characters' };
  }
  if (!path.startsWith('/'))
    return { code: 'not_absolute', message: 'must be an absolute path without scheme and host' };
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return { code: 'bad_encoding', message: 'contains an invalid percent-encoding' };
  }
  for (const form of [path, decoded]) {
    if (/[\\?#]|\/\/|\p{Cc}/u.test(form)) {
      return {
        code: 'forbidden_character',
        message: 'must not contain //, \\, ?, # or control characters, encoded or not',
      };
    }
    if (form.split('/').some((segment) => segment === '.' || segment === '..')) {
      return { code: 'dot_segment', message: 'must not contain . or .. segments, encoded or not' };
    }
  }
  if (/%2f/i.test(path)) return { code: 'forbidden_character', message: 'must not contain an encoded slash' };
  const ending = path.slice(path.lastIndexOf('.') + 1);
  if (!/^[a-z0-9]+$/i.test(ending) || !extensions.includes(ending.toLowerCase())) {
    return { code: 'extension', message: `must end in ${listOf(extensions)}` };
  }
  // Defence in depth: the worker resolves the path with the same URL parser.
  const server = 'http://video.invalid';
  if (new URL(path, server).origin !== server) {
    return { code: 'not_absolute', message: 'must be a path on the video server' };
  }
  return undefined;
}

/** Returns `.a`, `.a or .b` or `.a, .b or .c`. */
function listOf(extensions: readonly string[]): string {
  const names = extensions.map((extension) => `.${extension}`);
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
