const MAX_WAIT_S = 25;

/**
 * Returns the seconds of `wait` in a Prefer header (RFC 7240), at most 25. Returns undefined without a valid `wait`:
 * servers ignore preferences that they do not understand.
 */
export function preferredWait(prefer: string | undefined): number | undefined {
  for (const preference of (prefer ?? '').split(',')) {
    // The first `wait` counts. Parameters follow a semicolon, and `wait` has none.
    const [name = '', value = ''] = (preference.split(';')[0] ?? '').split('=').map((part) => part.trim());
    if (name.toLowerCase() !== 'wait') continue;
    const match = /^(\d{1,9})$|^"(\d{1,9})"$/.exec(value);
    const seconds = Number(match?.[1] ?? match?.[2] ?? 0);
    return seconds > 0 ? Math.min(seconds, MAX_WAIT_S) : undefined;
  }
  return undefined;
}
