import { windowBytes } from '../http/range-reader.ts';
import type { OpenVideo } from '../types.ts';

/** Bytes [start, end). */
export type Span = [start: number, end: number];

/** Many small pieces of a video out of the window that holds them, which is read once. */
export class BufferedReader {
  /** What was read, in this order. */
  readonly spans: Span[] = [];
  readonly #video: OpenVideo;
  #start = 0;
  #window: Uint8Array = new Uint8Array();

  constructor(video: OpenVideo) {
    this.#video = video;
  }

  get size(): number {
    return this.#video.size;
  }

  /** Up to `length` bytes from `start` on, fewer at the end of the file. Throws what `video.read` throws. */
  async upTo(length: number, start: number): Promise<Buffer> {
    const end = start + length;
    if (start < this.#start || end > this.#start + this.#window.length) {
      const windowEnd = Math.ceil(end / windowBytes) * windowBytes;
      this.#window = await this.#video.read(start, windowEnd);
      this.#start = start;
      this.spans.push([start, windowEnd]);
    }
    const offset = start - this.#start;
    const { buffer, byteOffset, length: held } = this.#window;
    return Buffer.from(buffer, byteOffset + offset, Math.max(0, Math.min(length, held - offset)));
  }

  /** The beginning of something `length` bytes long: what its window holds of it, `enough` at least. */
  beginning(start: number, length: number, enough: number): Promise<Buffer> {
    const here = windowBytes - (start % windowBytes);
    return this.upTo(Math.min(length, Math.max(here, enough)), start);
  }
}
