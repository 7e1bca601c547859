import { connect, type Socket } from 'node:net';

export type RawRequest = { method: string; target: string; headers: [name: string, value: string][]; body: Buffer };
export type RawClientResponse = { status: number; headers: Map<string, string>; body: string };

/**
 * A kept-alive connection that sends requests byte by byte, one at a time. Node's own clients reject half of what a
 * fuzzer generates.
 */
export class RawClient {
  readonly #port: number;
  #socket: Socket | undefined;
  #received = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor(port: number) {
    this.#port = port;
  }

  /** Returns the response; of a stream only the headers. Throws if the server closes without a response. */
  async send({ method, target, headers, body }: RawRequest): Promise<RawClientResponse> {
    const socket = this.#open();
    const lines = [
      `${method} ${target} HTTP/1.1`,
      'Host: localhost',
      ...headers.map(([name, value]) => `${name}: ${value}`),
    ];
    if (body.length > 0) lines.push(`Content-Length: ${body.length}`);
    socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]));
    const head = await this.#until(() => this.#received.indexOf('\r\n\r\n'));
    const [first = '', ...fields] = this.#take(head + 4)
      .toString('latin1')
      .trimEnd()
      .split('\r\n');
    const responseHeaders = new Map(
      fields.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
    );
    const status = Number(first.split(' ')[1]);
    const response = { status, headers: responseHeaders, body: '' };
    if (responseHeaders.get('content-type')?.startsWith('text/event-stream')) this.close();
    else if (method !== 'HEAD' && status !== 204 && status !== 304) response.body = await this.#body(responseHeaders);
    if (responseHeaders.get('connection') === 'close') this.close();
    return response;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#received = Buffer.alloc(0);
  }

  #open(): Socket {
    if (this.#socket && !this.#socket.destroyed && !this.#socket.readableEnded) return this.#socket;
    this.close();
    const socket = connect(this.#port, '127.0.0.1');
    const end = () => this.#wake();
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    // 'close' follows an error.
    socket
      .on('error', () => {})
      .on('end', end)
      .on('close', end);
    this.#socket = socket;
    return socket;
  }

  async #body(headers: Map<string, string>): Promise<string> {
    const length = headers.get('content-length');
    if (length !== undefined) {
      const size = Number(length);
      await this.#until(() => (this.#received.length >= size ? 0 : -1));
      return this.#take(size).toString();
    }
    const parts: Buffer[] = [];
    for (;;) {
      const line = await this.#until(() => this.#received.indexOf('\r\n'));
      const size = Number.parseInt(this.#take(line + 2).toString(), 16);
      await this.#until(() => (this.#received.length >= size + 2 ? 0 : -1));
      parts.push(this.#take(size + 2).subarray(0, size));
      if (size === 0) return Buffer.concat(parts).toString();
    }
  }

  /** Waits until `find` returns an index of at least 0, and returns it. */
  async #until(find: () => number): Promise<number> {
    for (;;) {
      const found = find();
      if (found >= 0) return found;
      if (!this.#socket || this.#socket.destroyed || this.#socket.readableEnded)
        throw new Error('the server closed without a response');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(bytes: number): Buffer {
    const bytesTaken = this.#received.subarray(0, bytes);
    this.#received = this.#received.subarray(bytes);
    return bytesTaken;
  }
}
