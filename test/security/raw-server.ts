import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** Bytes to answer with, or what to do with the connection. */
export type RawAnswer = string | Buffer | ((socket: Socket) => void);

/** A server that answers every request with these very bytes, by no rules of HTTP, and closes the connection. */
export class RawServer {
  answer: RawAnswer = '';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      let request = '';
      // A client that goes away is what some answers lead to.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('data', (data) => {
        request += data.toString('latin1');
        if (!isWhole(request)) return;
        request = '';
        if (typeof this.answer === 'function') this.answer(socket);
        else socket.end(this.answer);
      });
    });
  }

  static async start(): Promise<RawServer> {
    const server = new RawServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the port is not known');
    return `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function isWhole(request: string): boolean {
  const end = request.indexOf('\r\n\r\n');
  const length = Number(/content-length: (\d+)/i.exec(request)?.[1] ?? 0);
  return end !== -1 && request.length >= end + 4 + length;
}
