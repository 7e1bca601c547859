/** The video formats that cameras send. The api only checks the name; the worker detects the format from the content. */
const VIDEO_EXTENSION = /\.(mp4|avi|mov|mkv|webm)$/i;

export const CONTROL_CHARACTER = /\p{Cc}/u;

/** Returns why a path must not be requested from the video server, or undefined if it may be. */
export function videoPathError(path: string): { code: string; message: string } | undefined {
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
  if (!VIDEO_EXTENSION.test(path)) {
    return { code: 'extension', message: 'must end in .mp4, .avi, .mov, .mkv or .webm' };
  }
  // Defence in depth: the worker resolves the path with the same URL parser.
  const server = 'http://video.invalid';
  if (new URL(path, server).origin !== server) {
    return { code: 'not_absolute', message: 'must be a path on the video server' };
  }
  return undefined;
}
