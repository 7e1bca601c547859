import { windowBytes } from '../http/range-reader.ts';
import type { OpenVideo } from '../types.ts';

/** Bytes [start, end). */
export type Span = [start: number, end: number];

class NotFetched extends Error {}

/** Serves many small reads from the part of the video that was read last. */
export class BufferedReader {
  /** What was read from the video, in order. */
  readonly spans: Span[] = [];
  readonly #video: OpenVideo;
  #bufferStart = 0;
  #buffer: Uint8Array = new Uint8Array();
  /** Numbers of the windows that were read; the first one is fetched with the size of the file. */
  readonly #windows = new Set([0]);
  #mayFetch = true;

  constructor(video: OpenVideo) {
    this.#video = video;
  }

  /** Size of the whole file in bytes. */
  get size(): number {
    return this.#video.size;
  }

  /** Returns up to `length` bytes from `start`, fewer at the end of the file. Throws any error of `video.read`. */
  async upTo(length: number, start: number): Promise<Buffer> {
    const end = start + length;
    if (start < this.#bufferStart || end > this.#bufferStart + this.#buffer.length) {
      const readEnd = Math.ceil(end / windowBytes) * windowBytes;
      this.#noteWindows(start, Math.min(readEnd, this.size));
      this.#buffer = await this.#video.read(start, readEnd);
      this.#bufferStart = start;
      this.spans.push([start, readEnd]);
    }
    const offset = start - this.#bufferStart;
    const { buffer, byteOffset, length: buffered } = this.#buffer;
    return Buffer.from(buffer, byteOffset + offset, Math.max(0, Math.min(length, buffered - offset)));
  }

  /** Returns the first bytes of an item `length` bytes long: the rest of its window, or `enough` if that is more. */
  beginning(start: number, length: number, enough: number): Promise<Buffer> {
    const restOfWindow = windowBytes - (start % windowBytes);
    if (!this.#mayFetch) return this.upTo(Math.min(length, restOfWindow), start);
    return this.upTo(Math.min(length, Math.max(restOfWindow, enough)), start);
  }
  /** Returns the result of `read`, which may use only what was read before; undefined if that does not suffice. */
  async withoutFetching<T>(read: () => Promise<T>): Promise<T | undefined> {
    this.#mayFetch = false;
    try {
      return await read();
    } catch (error) {
      if (error instanceof NotFetched) return undefined;
      throw error;
    } finally {
      this.#mayFetch = true;
    }
  }

  #noteWindows(start: number, end: number): void {
    for (let window = Math.floor(start / windowBytes); window * windowBytes < end; window += 1) {
      if (!this.#mayFetch && !this.#windows.has(window)) throw new NotFetched();
      this.#windows.add(window);
    }
  }
}
