import { createS3Signer, type S3SignerOptions } from '#sources/s3-signer.ts';
import { VideoServerError, VideoTooLarge } from '../../errors.ts';
import type { Meter, OpenVideo } from '../types.ts';
import { createVideoClient, type VideoClient, type VideoClientOptions } from './client.ts';
import { type DownloadOptions, download } from './download.ts';
import { requestRange } from './range-request.ts';
import { discardBody, type RangeResponse, readExactly } from './range-response.ts';
import { createS3Client } from './s3-client.ts';

/** 16 KiB holds the header of most videos, so that one request is enough for them. */
export const windowBytes = 16 * 1024;
/** A parser that reads sequentially gets as much again as it has read so far, up to 16 windows (256 KiB). */
const maxWindowsAhead = 16;

/** Of a bucket. */
export type S3Options = S3SignerOptions & { bucket: string };

export type VideoReader = {
  /**
   * Fetches the first window of a video and its size. Throws a VideoError or the signal's reason; the signal also ends
   * later reads.
   * @param meter updated while reading, so that the cost of a failure is known too.
   */
  open(url: URL, options: { signal: AbortSignal; meter?: Meter }): Promise<OpenVideo>;
  /** Downloads a whole video, whatever the byte budget is; see download.ts. */
  download(url: URL, options: DownloadOptions): Promise<number>;
  /** Closes all connections, including those in use. */
  close(): void;
};

/** @param options.byteBudget the maximum number of body bytes fetched for one video, over all its requests. */
export function createVideoReader(options: VideoClientOptions & { byteBudget: number; s3?: S3Options }): VideoReader {
  const { byteBudget } = options;
  if (byteBudget < windowBytes) throw new RangeError(`a byte budget below ${windowBytes} cannot open any video`);
  const { s3 } = options;
  const plain = createVideoClient(options);
  const client = s3 ? createS3Client(plain, createS3Signer(s3), s3.bucket) : plain;
  return {
    async open(url, { signal, meter = { bytesFetched: 0, requests: 0 } }) {
      const video = new WindowedVideo({ client, url, byteBudget, signal, meter });
      await video.open();
      return video;
    },
    download: (url, options) => download(client, url, options),
    close: client.close,
  };
}

type Source = { client: VideoClient; url: URL; byteBudget: number; signal: AbortSignal; meter: Meter };

/** Caches what it fetches in windows, so that a parser's many small reads cost no request. */
class WindowedVideo implements OpenVideo {
  readonly #source: Source;
  readonly #windows = new Map<number, Uint8Array>();
  /** Value of `bytesFetched` at which the budget is spent. */
  readonly #fetchLimit: number;
  #url: URL;
  #size: number | undefined;
  #version: string | undefined;
  /** Bytes cached from a server without range support, which sends from 0 each time; 0 for any other server. */
  #prefix = 0;
  /** Reads run one after another: two that overlap must not fetch a window twice. */
  #previousRead: Promise<unknown> = Promise.resolve();

  constructor(source: Source) {
    this.#source = source;
    this.#url = source.url;
    this.#fetchLimit = source.meter.bytesFetched + source.byteBudget;
  }

  get url(): URL {
    return this.#source.url;
  }

  get size(): number {
    return this.#size ?? 0;
  }

  get bytesFetched(): number {
    return this.#source.meter.bytesFetched;
  }

  get requests(): number {
    return this.#source.meter.requests;
  }

  open(): Promise<void> {
    return this.#fetch(0, windowBytes);
  }

  read(start: number, end: number): Promise<Uint8Array> {
    const bytes = this.#previousRead.then(() => this.#read(Math.min(start, this.size), Math.min(end, this.size)));
    // The caller of this read handles its error; the next read runs regardless.
    this.#previousRead = bytes.catch(() => {});
    return bytes;
  }

  async #read(start: number, end: number): Promise<Uint8Array> {
    this.#source.signal.throwIfAborted();
    const last = Math.ceil(end / windowBytes);
    // A large read knows what it needs: only small ones read ahead.
    const readsAhead = end - start < windowBytes;
    for (let index = Math.floor(start / windowBytes); index < last; index += 1) {
      if (this.#windows.has(index)) continue;
      const limit = readsAhead ? this.#readAheadEnd(index, last) : last;
      let next = index + 1;
      while (next < limit && !this.#windows.has(next)) next += 1;
      await this.#fetch(index * windowBytes, Math.min(next * windowBytes, this.size));
    }
    return this.#copy(start, end);
  }

  /** Returns the window after the last one to fetch along with `index`: `last`, or a later one after sequential reads. */
  #readAheadEnd(index: number, last: number): number {
    if (this.#prefix > 0) return last;
    let first = index;
    while (index - first < maxWindowsAhead && this.#windows.has(first - 1)) first -= 1;
    const affordable = Math.floor((this.#fetchLimit - this.bytesFetched) / windowBytes);
    return Math.max(last, Math.min(2 * index - first, index + affordable, Math.ceil(this.size / windowBytes)));
  }

  #copy(start: number, end: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(end - start, 0));
    for (let position = start; position < end; ) {
      const index = Math.floor(position / windowBytes);
      const part = this.#windows.get(index)?.subarray(position - index * windowBytes, end - index * windowBytes);
      if (part === undefined || part.length === 0) throw new Error(`byte ${position} was fetched but is not cached`);
      bytes.set(part, position - start);
      position += part.length;
    }
    return bytes;
  }

  /** Fetches and caches [start, end), where both are multiples of the window size or the end of the file. */
  async #fetch(start: number, end: number): Promise<void> {
    const { client, meter, signal } = this.#source;
    const cost = this.#prefix > 0 ? end : end - start;
    if (meter.bytesFetched + cost > this.#fetchLimit) throw this.#tooLarge();
    const range = await requestRange(client, { url: this.#url, start, end, meter, signal });
    if (this.#hasChanged(range)) {
      await discardBody(range.response, signal);
      throw new VideoServerError('the video changed while it was read');
    }
    const bytes = await this.#readBody(range, end);
    this.#url = range.url;
    this.#size = range.size ?? bytes.length;
    this.#version = range.version;
    if (range.whole) this.#prefix = bytes.length;
    this.#cache(range.start, bytes);
  }

  #hasChanged({ size, version }: RangeResponse): boolean {
    const differ = (known: unknown, received: unknown) =>
      known !== undefined && received !== undefined && known !== received;
    return differ(this.#size, size) || differ(this.#version, version);
  }

  async #readBody({ whole, start, size, response }: RangeResponse, end: number): Promise<Uint8Array> {
    if (size === 0) {
      // A 416 for an empty file usually has a body, an error page.
      await discardBody(response, this.#source.signal);
      return new Uint8Array();
    }
    if (!whole && size !== undefined) return readExactly(response, Math.min(end, size) - start);
    const affordable = this.#fetchLimit - this.bytesFetched + response.receivedBytes;
    if (size !== undefined) {
      // Without range support each read starts over: fetching twice as much each time keeps the sum below four times
      // what is needed.
      const enough = Math.max(end, Math.min(2 * this.#prefix, affordable));
      return response.read(size <= enough ? size : enough - 1);
    }
    const bytes = await response.read(affordable);
    if (bytes.length > affordable) throw this.#tooLarge();
    return bytes;
  }

  #cache(start: number, bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; offset += windowBytes) {
      const window = bytes.subarray(offset, offset + windowBytes);
      const complete = window.length === windowBytes || start + bytes.length === this.#size;
      if (complete) this.#windows.set((start + offset) / windowBytes, window);
    }
  }

  #tooLarge(): VideoTooLarge {
    return new VideoTooLarge(`the byte budget of ${this.#source.byteBudget} is spent, the resolution still unknown`);
  }
}
