import { createDelayedCall } from '#async/delayed-call.ts';
import type { NewAuditEntry } from '#prisma/audit.ts';

export type FailedLogins = {
  /** Counts a login with an invalid key. */
  count(address: string | undefined): void;
  /** Writes what is waiting. */
  close(): Promise<void>;
};

type Settings = { append: (entries: NewAuditEntry[]) => Promise<void>; intervalMs?: number };

/** Addresses with an entry of their own per interval. Entries need no key: their number must be bounded. */
const MAX_ADDRESSES = 20;

type Waiting = { attempts: number; firstAt: Date };

/**
 * Returns a log of failed logins: at the end of a minute with any, one entry per address with their number, and one for all
 * further addresses. No login waits for it. What is waiting when the process is killed is lost.
 */
export function createFailedLogins({ append, intervalMs = 60_000 }: Settings): FailedLogins {
  const waiting = new Map<string | null, Waiting>();
  const add = (from: string | null, { attempts, firstAt }: Waiting) => {
    const own = waiting.has(from) || waiting.size < MAX_ADDRESSES;
    const before = waiting.get(own ? from : null) ?? { attempts: 0, firstAt };
    waiting.set(own ? from : null, { attempts: before.attempts + attempts, firstAt: before.firstAt });
  };
  const write = async () => {
    const batch = [...waiting];
    waiting.clear();
    // The request log and /readyz report the database. After an error, these are tried again with the next ones.
    if (batch.length > 0) await append(batch.map(entryOf)).catch(() => batch.forEach((each) => void add(...each)));
    return waiting.size > 0;
  };
  const writing = createDelayedCall(write, intervalMs);
  return {
    count(address) {
      add(address ?? null, { attempts: 1, firstAt: new Date() });
      writing.plan();
    },
    close: writing.flush,
  };
}

function entryOf([address, { attempts, firstAt }]: [string | null, Waiting]): NewAuditEntry {
  const details = { attempts, first_at: firstAt.toISOString(), ...(address === null && { addresses: 'others' }) };
  return { actor: { id: 'anonymous', address }, action: 'login.failed', details };
}
