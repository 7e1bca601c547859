import { VideoServerError, VideoTooLarge } from '../../errors.ts';
import type { Meter, OpenVideo } from '../types.ts';
import { createVideoClient, requestRange, type VideoClient, type VideoClientOptions } from './range-request.ts';
import { discard, type RangeAnswer } from './range-response.ts';

/** 16 KiB: holds what tells of the picture in most videos, so one request is enough for them. */
export const windowBytes = 16 * 1024;
/** A parser that reads on and on gets as much again as it has had each time, up to 256 KiB. */
const mostAhead = 16;

export type VideoReader = {
  /**
   * Fetches the first window of a video and its size.
   * Throws a VideoError, or the signal's reason; the signal ends later reads too.
   * @param meter counts while reading, so it tells the cost of a failure as well.
   */
  open(url: URL, options: { signal: AbortSignal; meter?: Meter }): Promise<OpenVideo>;
  /** Closes every connection, those in use too. */
  close(): void;
};

/** @param options.byteBudget the most body bytes fetched for one video, over all its requests. */
export function createVideoReader(options: VideoClientOptions & { byteBudget: number }): VideoReader {
  const { byteBudget } = options;
  if (byteBudget < windowBytes) throw new RangeError(`a byte budget below ${windowBytes} cannot open any video`);
  const client = createVideoClient(options);
  return {
    async open(url, { signal, meter = { bytesFetched: 0, requests: 0 } }) {
      const video = new WindowedVideo({ client, url, byteBudget, signal, meter });
      await video.open();
      return video;
    },
    close: client.close,
  };
}

type Source = { client: VideoClient; url: URL; byteBudget: number; signal: AbortSignal; meter: Meter };

/** Keeps what it fetched in windows, so that a parser's many small reads cost no request. */
class WindowedVideo implements OpenVideo {
  readonly #source: Source;
  readonly #windows = new Map<number, Uint8Array>();
  /** bytesFetched at which the budget is spent. */
  readonly #limit: number;
  #url: URL;
  #size: number | undefined;
  #version: string | undefined;
  /** Bytes kept from a server that knows no ranges and starts from 0 each time; 0 with any other. */
  #prefix = 0;
  /** Reads take turns: two that overlap must not fetch a window twice. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: Source) {
    this.#source = source;
    this.#url = source.url;
    this.#limit = source.meter.bytesFetched + source.byteBudget;
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
    const bytes = this.#turn.then(() => this.#read(Math.min(start, this.size), Math.min(end, this.size)));
    this.#turn = bytes.catch(() => 'whoever asked for the bytes gets the error; the next turn comes all the same');
    return bytes;
  }

  async #read(start: number, end: number): Promise<Uint8Array> {
    this.#source.signal.throwIfAborted();
    const last = Math.ceil(end / windowBytes);
    // Who asks for much knows how much.
    const ahead = end - start < windowBytes;
    for (let index = Math.floor(start / windowBytes); index < last; index += 1) {
      if (this.#windows.has(index)) continue;
      const bound = ahead ? this.#ahead(index, last) : last;
      let next = index + 1;
      while (next < bound && !this.#windows.has(next)) next += 1;
      await this.#fetch(index * windowBytes, Math.min(next * windowBytes, this.size));
    }
    return this.#copy(start, end);
  }

  /** The window behind the last to fetch with that of `index`: `last`, or further where the reading has come so far. */
  #ahead(index: number, last: number): number {
    let behind = index;
    while (index - behind < mostAhead && this.#windows.has(behind - 1)) behind -= 1;
    const affordable = Math.floor((this.#limit - this.bytesFetched) / windowBytes);
    const further = Math.min(2 * index - behind, index + affordable, Math.ceil(this.size / windowBytes));
    return this.#prefix > 0 ? last : Math.max(last, further);
  }

  #copy(start: number, end: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(end - start, 0));
    for (let position = start; position < end; ) {
      const index = Math.floor(position / windowBytes);
      const piece = this.#windows.get(index)?.subarray(position - index * windowBytes, end - index * windowBytes);
      if (piece === undefined || piece.length === 0) throw new Error(`byte ${position} was fetched and is not there`);
      bytes.set(piece, position - start);
      position += piece.length;
    }
    return bytes;
  }

  /** Fetches [start, end), both on window bounds or at the end of the file, and keeps it. */
  async #fetch(start: number, end: number): Promise<void> {
    const { client, meter, signal } = this.#source;
    const cost = this.#prefix > 0 ? end : end - start;
    if (meter.bytesFetched + cost > this.#limit) throw this.#tooLarge();
    const answer = await requestRange(client, { url: this.#url, start, end, meter, signal });
    const changed =
      (this.#size !== undefined && answer.size !== undefined && this.#size !== answer.size) ||
      (this.#version !== undefined && answer.version !== undefined && this.#version !== answer.version);
    if (changed) {
      await discard(answer.body, signal);
      throw new VideoServerError('the video changed while it was read');
    }
    const bytes = await this.#collect(answer, end);
    this.#url = answer.url;
    this.#size = answer.size ?? answer.start + bytes.length;
    this.#version = answer.version;
    if (answer.whole) this.#prefix = bytes.length;
    this.#keep(answer.start, bytes);
  }

  async #collect({ whole, size, body }: RangeAnswer, end: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let received = 0;
    // A server without ranges starts over each time: twice as much each time keeps the sum below four times the need.
    const enough = Math.max(end, Math.min(2 * this.#prefix, this.#limit - this.bytesFetched));
    for await (const chunk of body) {
      chunks.push(chunk);
      received += chunk.length;
      if (whole && size !== undefined && received >= enough) break;
      if (this.bytesFetched > this.#limit) throw this.#tooLarge();
    }
    return Buffer.concat(chunks);
  }

  #keep(start: number, bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; offset += windowBytes) {
      const window = bytes.subarray(offset, offset + windowBytes);
      const complete = window.length === windowBytes || start + bytes.length === this.#size;
      if (complete) this.#windows.set((start + offset) / windowBytes, window);
    }
  }

  #tooLarge(): VideoTooLarge {
    return new VideoTooLarge(`the byte budget of ${this.#source.byteBudget} is spent and the resolution still unknown`);
  }
}
