/** One block of a stream of Server-Sent Events. `id` is set by blocks with an id line; `data` is empty without data lines. */
export type EventBlock = { id: string | undefined; event: string; data: string };

/** A block of this API has at most 20 KB. */
const MAX_BLOCK = 1_048_576;

/** Splits a stream of Server-Sent Events into blocks, wherever the network has cut it. */
export class EventParser {
  #rest = '';
  #id: string | undefined;
  #event = '';
  #data: string[] = [];
  #size = 0;

  /** Returns the blocks that this text completes. */
  push(text: string): EventBlock[] {
    const blocks: EventBlock[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      this.#size += line.length;
      if (line !== '') this.#add(line);
      else if (this.#size > 0) blocks.push(this.#take());
    }
    if (this.#rest.length + this.#size > MAX_BLOCK) throw new Error('an event of the stream is over 1 MiB');
    return blocks;
  }

  #add(line: string): void {
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'id') this.#id = value;
    else if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
  }

  #take(): EventBlock {
    const block = { id: this.#id, event: this.#event, data: this.#data.join('\n') };
    this.#id = undefined;
    this.#event = '';
    this.#data = [];
    this.#size = 0;
    return block;
  }
}
