import type { KnownVersion } from '#prisma/alert-reads.ts';

/** Responses of about 1.6 kB: 2,500 of them. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Of an entry without its body: the uuid, the ETag, the version, the objects. */
const ENTRY_BYTES = 500;
const TIMING = {
  /** From the end of a check to the next one. */
  checkMs: 400,
  /** An entry is used for this long after the start of the last check that found it unchanged. */
  validMs: 900,
  /** An entry that was not used for this long is dropped: its checks would cost PostgreSQL more than reading it again. */
  unusedMs: 5_000,
};

export type CachedResponse = { store: string; body: Buffer; etag: string };

/** A read of the database. `notedAt`: when the alert was read before, if nothing has dropped it since. */
type StartedRead = { at: number; notedAt: number | undefined };
type Entry = CachedResponse & { version: string; checkedAt: number; usedAt: number };

export type ResponseCacheOptions = Partial<typeof TIMING> & {
  /** Returns the uuids of the alerts that have another version, or none. */
  findChanged: (known: KnownVersion[]) => Promise<string[]>;
  maxBytes?: number;
  onRequest?: (result: 'hit' | 'miss') => void;
};

/**
 * The responses of GET /alerts/:uuid that clients read repeatedly. One statement every 400 ms compares the versions of all
 * entries with the database; without entries there is none. A response that was not compared within the last 900 ms is not
 * used, so that a change by any process is visible a second after its commit, and an unavailable database stays visible.
 */
export class ResponseCache {
  readonly #options: Required<ResponseCacheOptions>;
  /** By uuid, least recently used first. */
  readonly #entries = new Map<string, Entry>();
  /** When alerts that are no entries were read last, by uuid, oldest first. */
  readonly #noted = new Map<string, number>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ResponseCacheOptions) {
    this.#options = { ...TIMING, maxBytes: MAX_BYTES, onRequest: () => {}, ...options };
  }

  get size(): { entries: number; bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  /** Returns the response, if it was compared with the database within the last second. */
  find(uuid: string): CachedResponse | undefined {
    const now = performance.now();
    const entry = this.#entries.get(uuid);
    const valid = entry !== undefined && now - entry.checkedAt < this.#options.validMs;
    this.#options.onRequest(valid ? 'hit' : 'miss');
    if (!valid) return undefined;
    entry.usedAt = now;
    this.#entries.delete(uuid);
    this.#entries.set(uuid, entry);
    return entry;
  }

  /** Call it before an alert is read that `find` does not return. */
  startRead(uuid: string): StartedRead {
    return { at: performance.now(), notedAt: this.#noted.get(uuid) };
  }

  /** Keeps a response if the alert was read before in the last 5 s; otherwise only notes that it was read. */
  keep(uuid: string, { at, notedAt }: StartedRead, response: CachedResponse & { version: string }): void {
    if (this.#closed) return;
    // Another time: the alert was dropped since, and the response may be older than the change.
    const isRepeated =
      notedAt !== undefined && this.#noted.get(uuid) === notedAt && at - notedAt <= this.#options.unusedMs;
    this.#noted.delete(uuid);
    if (!isRepeated) {
      this.#note(uuid, at);
      return;
    }
    this.#remove(uuid);
    // A copy: a small buffer is a slice of a shared one, and would keep its 8 KiB.
    const body = Buffer.alloc(response.body.length, response.body);
    this.#entries.set(uuid, { ...response, body, checkedAt: at, usedAt: at });
    this.#bytes += bytesOf(response);
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#options.maxBytes) break;
      this.#remove(oldest);
    }
    this.#timer ??= setTimeout(() => void this.#check(), this.#options.checkMs);
  }

  /** Drops the response of an alert that was just changed, so that this process shows the change at once. */
  drop(uuid: string): void {
    this.#remove(uuid);
    this.#noted.delete(uuid);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#clear();
  }

  #note(uuid: string, at: number): void {
    this.#noted.set(uuid, at);
    for (const oldest of this.#noted.keys()) {
      if (this.#noted.size * ENTRY_BYTES <= this.#options.maxBytes) break;
      this.#noted.delete(oldest);
    }
  }

  #remove(uuid: string): void {
    const entry = this.#entries.get(uuid);
    if (!entry) return;
    this.#entries.delete(uuid);
    this.#bytes -= bytesOf(entry);
  }

  #clear(): void {
    this.#entries.clear();
    this.#noted.clear();
    this.#bytes = 0;
  }

  async #check(): Promise<void> {
    const at = performance.now();
    for (const [uuid, { usedAt }] of this.#entries) if (at - usedAt > this.#options.unusedMs) this.#remove(uuid);
    const entries = [...this.#entries];
    if (entries.length > 0) {
      // Requests report an unavailable database: without entries, they read it.
      await this.#compare(entries, at).catch(() => this.#clear());
    }
    const again = this.#entries.size > 0 && !this.#closed;
    this.#timer = again ? setTimeout(() => void this.#check(), this.#options.checkMs) : undefined;
  }

  async #compare(entries: [string, Entry][], at: number): Promise<void> {
    const changed = new Set(await this.#options.findChanged(entries.map(([uuid, { version }]) => ({ uuid, version }))));
    for (const [uuid, entry] of entries) {
      // Another response was kept, or none, during the query.
      if (this.#entries.get(uuid) !== entry) continue;
      if (changed.has(uuid)) this.drop(uuid);
      else entry.checkedAt = at;
    }
  }
}

function bytesOf({ body, store }: CachedResponse): number {
  return body.length + 2 * store.length + ENTRY_BYTES;
}
