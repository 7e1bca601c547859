const MOST_S = 25;

/**
 * Seconds that a Prefer header (RFC 7240) asks to be held, at most 25; undefined where it does not, or not in a form that can be
 * read: a preference is no demand.
 */
export function preferredWait(prefer: string | undefined): number | undefined {
  for (const preference of (prefer ?? '').split(',')) {
    // Of several the first counts; what comes behind a semicolon are parameters, of which `wait` has none.
    const [name = '', value = ''] = (preference.split(';')[0] ?? '').split('=').map((part) => part.trim());
    if (name.toLowerCase() !== 'wait') continue;
    const seconds = /^(\d{1,9})$|^"(\d{1,9})"$/.exec(value);
    const asked = Number(seconds?.[1] ?? seconds?.[2] ?? 0);
    return asked > 0 ? Math.min(asked, MOST_S) : undefined;
  }
  return undefined;
}
