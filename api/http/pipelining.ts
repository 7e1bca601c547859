import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests of one connection that may wait. The connection is closed after this many responses. */
export const MAX_PIPELINED = 100;

// Node parses all requests of a packet and keeps a response for each: 64 KB can hold 2,500 of them. Behind a response that
// does not end, such as an event stream, more could arrive for as long as it lasts.
const MAX_IGNORED = 4_000;

type Connection = { waiting: { start: () => void; response: ServerResponse }[]; closing: boolean; ignored: number };

/** The requests of each connection that have no complete response. */
export class Pipelines {
  readonly #connections = new WeakMap<Socket, Connection>();

  /** Returns a listener that serves the requests of a connection one after the other, in order. */
  serve(app: RequestListener): RequestListener {
    return (request, response) => {
      const { socket } = request;
      const connection = this.#of(socket);
      if (connection.closing) {
        connection.ignored += 1;
        if (connection.ignored > MAX_IGNORED) socket.destroy();
        return;
      }
      const { waiting } = connection;
      waiting.push({ start: () => app(request, response), response });
      response.once('close', () => {
        waiting.shift();
        if (!socket.destroyed) waiting[0]?.start();
      });
      if (waiting.length === MAX_PIPELINED) {
        connection.closing = true;
        response.shouldKeepAlive = false; // Node closes the connection after this response
      }
      if (waiting.length === 1) waiting[0]?.start();
    };
  }

  /** Returns whether a part of a response was sent, so that nothing else can be sent on this connection. */
  isPartlySent(socket: Socket): boolean {
    return this.#of(socket).waiting.some(({ response }) => response.headersSent && !response.writableFinished);
  }

  #of(socket: Socket): Connection {
    const known = this.#connections.get(socket) ?? { waiting: [], closing: false, ignored: 0 };
    this.#connections.set(socket, known);
    return known;
  }
}
