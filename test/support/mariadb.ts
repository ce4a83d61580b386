import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram, freePort, listening, start, stop } from './server.ts';

const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/mysql/bin'];

/** MariaDB, or MySQL. */
export const mariadbProgram = findProgram('mariadbd', ...FOLDERS) ?? findProgram('mysqld', ...FOLDERS);

/** A MariaDB (or MySQL) server of the test's own, whose data lasts as long as the test. */
export class MariadbServer {
  readonly port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  #child: ChildProcess;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), 'governed-mariadb-'));
    this.#args = [
      '--no-defaults',
      `--datadir=${this.#folder}`,
      `--user=${userInfo().username}`,
      // The kernel grants it to a few servers only.
      '--innodb-use-native-aio=0',
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(this.#folder, 'socket')}`,
      `--pid-file=${join(this.#folder, 'pid')}`,
      '--innodb-flush-log-at-trx-commit=2',
      ...args,
    ];
    const installer = findProgram('mariadb-install-db', ...FOLDERS);
    const [program, ...settings] =
      installer === undefined
        ? [mariadbProgram ?? 'mysqld', '--initialize-insecure']
        : [installer, '--auth-root-authentication-method=normal', '--skip-test-db'];
    execFileSync(program, [...this.#args.slice(0, 4), ...settings], { stdio: 'pipe' });
    this.#child = this.#start();
  }

  /** @param args more of its settings, e.g. '--max-connections=20' */
  static async start(...args: string[]): Promise<MariadbServer> {
    const server = new MariadbServer(await freePort(), args);
    await listening(server.port, server.#child);
    return server;
  }

  /** Of a database that is always there. */
  get url(): string {
    return `mysql://root@127.0.0.1:${this.port}/mysql`;
  }

  /** After that it answers nothing, but its connections stay open. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Ends it and all its connections at once. The data stays. */
  async stop(): Promise<void> {
    await stop(this.#child, 'SIGKILL');
  }

  /** On the same port, with its data. */
  async restart(): Promise<void> {
    await this.stop();
    this.#child = this.#start();
    await listening(this.port, this.#child);
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }

  #start(): ChildProcess {
    return start(mariadbProgram ?? 'mariadbd', this.#args);
  }
}
