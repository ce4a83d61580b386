import type { ChildProcess } from 'node:child_process';
import { findProgram, freePort, listening, start, stop } from './server.ts';

export const redisProgram = findProgram('redis-server') ?? findProgram('valkey-server');

/** A Redis server of the test's own, that keeps nothing on disk. */
export class RedisServer {
  readonly port: number;
  #child: ChildProcess;
  readonly #args: readonly string[];

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#args = args;
    this.#child = this.#start();
  }

  /** @param args more of its settings, e.g. '--maxmemory', '3mb' */
  static async start(...args: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), args);
    await listening(server.port, server.#child);
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** After that it answers nothing, but its connections stay open. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await stop(this.#child, 'SIGKILL');
  }

  /** On the same port, without data. */
  async restart(): Promise<void> {
    await this.stop();
    this.#child = this.#start();
    await listening(this.port, this.#child);
  }

  #start(): ChildProcess {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    return start(redisProgram ?? 'redis-server', [...args, ...this.#args]);
  }
}
