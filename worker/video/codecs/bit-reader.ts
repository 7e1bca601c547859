/** Reads numbers of any width, most significant bit first. Throws RangeError past the end: a header is whole or none. */
export class Bits {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @param count 0 to 32. */
  read(count: number): number {
    let value = 0;
    for (let left = count; left > 0; ) {
      const byte = this.#bytes[this.#position >> 3];
      if (byte === undefined) throw new RangeError('the header ends too early');
      const room = 8 - (this.#position & 7);
      const taken = Math.min(room, left);
      const piece = (byte >> (room - taken)) & ((1 << taken) - 1);
      value = value * 2 ** taken + piece;
      this.#position += taken;
      left -= taken;
    }
    return value;
  }

  flag(): boolean {
    return this.read(1) === 1;
  }

  skip(count: number): void {
    this.#position += count;
  }

  /** Exp-Golomb, as H.264 and HEVC write their numbers. */
  golomb(): number {
    let zeros = 0;
    while (!this.flag()) {
      zeros += 1;
      if (zeros > 31) throw new RangeError('a number has no end');
    }
    return 2 ** zeros - 1 + this.read(zeros);
  }
}
