import { COPY_REASONS, PICTURE_REASONS } from '#media/reasons.ts';
import type { MediaKind } from '#media/store.ts';
import type { StoredMedia } from '#prisma/stored-media.ts';
import { Problem } from '../http/problem.ts';

/** Returns the problem of an alert whose picture or copy is not ready. */
export function notAvailable(of: MediaKind, media: StoredMedia): Problem {
  const { status, reason, detail } = stateOf(of, media);
  const headers: Record<string, string> = status === 'pending' ? { 'Retry-After': '1' } : {};
  return new Problem(`${of}-not-available`, detail, { extra: { status_now: status, reason }, headers });
}

function stateOf(of: MediaKind, { alertStatus, status, reason, detail }: StoredMedia) {
  const texts: Record<string, string> = of === 'picture' ? PICTURE_REASONS : COPY_REASONS;
  if (status === 'pending') return { status, reason, detail: `The ${of} is being made.` };
  if (status !== null) return { status, reason, detail: detail ?? texts[reason ?? ''] ?? `There is no ${of}.` };
  if (of === 'picture' && alertStatus !== 'processed') {
    return {
      status: 'none',
      reason: null,
      detail: `The alert is ${alertStatus}; a picture is made once it is processed.`,
    };
  }
  return { status: 'none', reason: 'disabled', detail: texts.disabled ?? '' };
}
