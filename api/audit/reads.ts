import type { Request, RequestHandler } from 'express';
import { createDelayedCall } from '#async/delayed-call.ts';
import type { AuditActor, NewAuditEntry } from '#prisma/audit.ts';
import { actorOf } from './actor.ts';
import type { READ_MODES } from './read-modes.ts';

type Read = { actor: AuditActor } & Pick<NewAuditEntry, 'action' | 'target' | 'details'>;

export type ReadLog = {
  /** Records a successful read, at most a second later, without making its response wait. */
  record(read: Read): void;
  /** Writes what is waiting. */
  close(): Promise<void>;
};

type Settings = {
  mode: (typeof READ_MODES)[number];
  append: (entries: NewAuditEntry[]) => Promise<void>;
  /** Counts reads that are not recorded, because too many are waiting. */
  onDropped: (count: number) => void;
  intervalMs?: number;
};

/** With `sampled`, one of this number of reads is recorded. */
const SAMPLE = 100;
/** Entries in memory: about 5 MB. More are only waiting while the database is unavailable. */
const MAX_WAITING = 10_000;
/** Entries per statement: until it commits, other entries wait. */
const BATCH = 200;

/**
 * Returns a log of reads. The same read by the same client is one entry per interval, with a count. What is waiting when the
 * process is killed is lost: the reads of at most a second, or of the time since the database became unavailable.
 */
export function createReadLog({ mode, append, onDropped, intervalMs = 1_000 }: Settings): ReadLog {
  if (mode === 'off') return { record: () => {}, close: async () => {} };
  const waiting = new Map<string, Waiting>();
  let seen = 0;
  const write = async () => {
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, BATCH);
      for (const [key] of batch) waiting.delete(key);
      try {
        await append(batch.map(([, each]) => entryOf(each, mode)));
      } catch {
        // The request log and /readyz report the database. These are tried again with the next ones.
        for (const [key, each] of batch) if (!waiting.has(key)) waiting.set(key, each);
        return true;
      }
    }
    return false;
  };
  const writing = createDelayedCall(write, intervalMs);
  return {
    record(read) {
      seen += 1;
      if (mode === 'sampled' && seen % SAMPLE !== 1) return;
      const key = JSON.stringify(read);
      const same = waiting.get(key);
      if (same) same.count += 1;
      else if (waiting.size >= MAX_WAITING) onDropped(1);
      else waiting.set(key, { read, at: new Date(), count: 1 });
      writing.plan();
    },
    async close() {
      await writing.flush();
      if (waiting.size > 0) onDropped(waiting.size);
    },
  };
}

type Waiting = { read: Read; at: Date; count: number };

function entryOf({ read, at, count }: Waiting, mode: Settings['mode']): NewAuditEntry {
  const sampled = mode === 'sampled' && { sampled: SAMPLE };
  return {
    ...read,
    details: { ...read.details, read_at: at.toISOString(), ...(count > 1 && { reads: count }), ...sampled },
  };
}

const UUID = '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})';
const ONE = new RegExp(`^/alerts/${UUID}(?:/(picture|copy|timeline))?/?$`, 'i');
const LINKED = new RegExp(`^/media/(picture|copy)/${UUID}$`, 'i');
const MANY = /^\/alerts(\/events)?\/?$/i;

/** Returns a handler that records each request that has read alerts: once its response has ended, an event stream too. */
export function recordReads(reads: ReadLog): RequestHandler {
  return (req, res, next) => {
    if (req.method === 'GET' && readOf(req)) {
      res.once('close', () => {
        const read = readOf(req);
        if (read && (res.statusCode < 300 || res.statusCode === 304)) reads.record({ ...read, actor: readerOf(req) });
      });
    }
    next();
  };
}

/** Returns what a request reads; undefined: no alert. */
function readOf({ path, query }: Request): Pick<NewAuditEntry, 'action' | 'target' | 'details'> | undefined {
  const [, uuid, part = 'alert'] = ONE.exec(path) ?? [];
  if (uuid !== undefined) return { action: 'alert.read', target: uuid.toLowerCase(), details: { of: part } };
  const [, linked, linkedUuid] = LINKED.exec(path) ?? [];
  if (linkedUuid !== undefined)
    // The response was successful, so the link is valid and names its key.
    return { action: 'alert.read', target: linkedUuid, details: { of: `${linked}`, link_key: String(query.key) } };
  const [many, events] = MANY.exec(path) ?? [];
  if (many === undefined) return undefined;
  // Parsed and validated: each value is a short text.
  const details = { of: events === undefined ? 'list' : 'events', query: { ...query } as Record<string, string> };
  return { action: 'alerts.listed', details };
}

/** Signed links need no key. */
function readerOf(req: Request): AuditActor {
  return req.apiClient === undefined ? { id: 'link', address: req.ip ?? null } : actorOf(req);
}
