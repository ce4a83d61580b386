import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { freePort } from './server.ts';

/**
 * What becomes of what a client sends:
 * - `pass`: it gets there, and so do its replies
 * - `lose`: the connection breaks before it gets there
 * - `lose reply`: it gets there, and the connection breaks before its reply is back
 * - `no reply`: it gets there; the connection stays, but nothing comes back on it any more
 * - `late`: the connection breaks, but it gets there when `release()` is called
 */
export type Fate = 'pass' | 'lose' | 'lose reply' | 'no reply' | 'late';

/** A network between clients and a server of this machine, which fails where it is told to. */
export class TcpProxy {
  readonly port: number;
  /** Decides on each piece that clients send. */
  fate: (sent: string) => Fate = () => 'pass';
  /** Milliseconds by which everything that comes back is late. */
  delay = 0;
  readonly #target: number;
  readonly #connections = new Set<Connection>();
  #held: (() => Promise<unknown>)[] = [];
  #server: Server | undefined;

  private constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
  }

  /** @param target the server's port */
  static async to(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(await freePort(), target);
    await proxy.open();
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const connection of this.#connections) connection.cut();
  }

  /** Breaks all connections, and refuses new ones. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = server === undefined ? undefined : once(server, 'close');
    server?.close();
    this.cut();
    await closed;
  }

  /** Accepts connections again. */
  async open(): Promise<void> {
    const server = createServer((client) => this.#connect(client));
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
  }

  /** Lets everything `late` get there; resolves when the server is done with it. */
  async release(): Promise<void> {
    await Promise.all(this.#held.splice(0).map((send) => send()));
  }

  #connect(client: Socket): void {
    const connection = new Connection(client, dial(this.#target, '127.0.0.1'));
    this.#connections.add(connection);
    client.on('close', () => this.#connections.delete(connection));
    client.on('data', (data) => {
      const fate = this.fate(data.toString('latin1'));
      if (fate === 'late') this.#held.push(connection.hold(data));
      else connection.send(data, fate);
    });
    connection.server.on('data', (data) => connection.reply(data, this.delay));
  }
}

class Connection {
  readonly server: Socket;
  readonly #client: Socket;
  #replies: 'pass' | 'break' | 'swallow' = 'pass';
  #held = false;

  constructor(client: Socket, server: Socket) {
    this.#client = client;
    this.server = server;
    // An error is followed by 'close'.
    client.on('error', () => client.destroy());
    server.on('error', () => server.destroy());
    client.on('close', () => {
      if (!this.#held) server.destroy();
    });
    server.on('close', () => client.destroy());
  }

  cut(): void {
    this.#client.destroy();
  }

  send(data: Buffer, fate: Exclude<Fate, 'late'>): void {
    if (fate === 'lose') this.cut();
    if (this.#client.destroyed) return;
    if (fate === 'lose reply') this.#replies = 'break';
    if (fate === 'no reply') this.#replies = 'swallow';
    this.server.write(data);
  }

  /** Returns what sends it, and closes the connection: the server does so too when it has read all. */
  hold(data: Buffer): () => Promise<unknown> {
    this.#held = true;
    this.cut();
    return async () => {
      const closed = once(this.server, 'close');
      this.server.end(data);
      await closed;
    };
  }

  reply(data: Buffer, delay: number): void {
    if (this.#replies === 'break') this.cut();
    else if (this.#replies === 'pass') {
      if (delay > 0) setTimeout(() => this.#client.write(data), delay);
      else this.#client.write(data);
    }
  }
}
