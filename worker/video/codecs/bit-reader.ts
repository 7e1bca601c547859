/** Reads numbers of any width, most significant bit first. Throws RangeError at the end of the bytes. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @param count 0 to 32. */
  read(count: number): number {
    let value = 0;
    for (let missing = count; missing > 0; ) {
      const byte = this.#bytes[this.#position >> 3];
      if (byte === undefined) throw new RangeError('the header ends too early');
      const available = 8 - (this.#position & 7);
      const taken = Math.min(available, missing);
      const bits = (byte >> (available - taken)) & ((1 << taken) - 1);
      value = value * 2 ** taken + bits;
      this.#position += taken;
      missing -= taken;
    }
    return value;
  }

  flag(): boolean {
    return this.read(1) === 1;
  }

  skip(count: number): void {
    this.#position += count;
  }

  /** Reads an Exp-Golomb number, as used by H.264 and HEVC. */
  golomb(): number {
    let zeros = 0;
    while (!this.flag()) {
      zeros += 1;
      if (zeros > 31) throw new RangeError('an Exp-Golomb number is too long');
    }
    return 2 ** zeros - 1 + this.read(zeros);
  }
}
