import { type ChildProcess, execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { findProgram, freePort, start, stop } from './server.ts';

const FOLDERS = '/usr/lib/postgresql/*/bin';

export const postgresProgram = findProgram('postgres', FOLDERS);

/** A Postgres server of the test's own, whose data lasts as long as the test. */
export class PostgresServer {
  readonly port: number;
  readonly #folder: string;
  readonly #user: { readonly uid?: number; readonly gid?: number };
  readonly #args: readonly string[];
  #child: ChildProcess;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#args = args;
    this.#folder = mkdtempSync(join(tmpdir(), 'governed-postgres-'));
    this.#user = unprivileged();
    const { uid, gid } = this.#user;
    if (uid !== undefined && gid !== undefined) chownSync(this.#folder, uid, gid);
    const settings = ['-D', this.#folder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale'];
    execFileSync(findProgram('initdb', FOLDERS) ?? 'initdb', [...settings, '--no-sync'], {
      stdio: 'pipe',
      cwd: tmpdir(),
      ...this.#user,
    });
    this.#child = this.#start();
  }

  /** @param args more of its settings, e.g. '-c', 'max_connections=20' */
  static async start(...args: string[]): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort(), args);
    await server.#ready();
    return server;
  }

  get url(): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** After that it answers nothing, but its connections stay open. */
  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  /** Ends it and all its connections at once. The data stays. */
  async stop(): Promise<void> {
    await stop(this.#child, 'SIGINT');
  }

  /** On the same port, with its data. */
  async restart(): Promise<void> {
    await this.stop();
    this.#child = this.#start();
    await this.#ready();
  }

  /** Once the last connection is closed. */
  async remove(): Promise<void> {
    await stop(this.#child);
    rmSync(this.#folder, { recursive: true });
  }

  #start(): ChildProcess {
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
    const args = ['-D', this.#folder, '-p', String(this.port), ...settings.flatMap((one) => ['-c', one])];
    return start(postgresProgram ?? 'postgres', [...args, ...this.#args], {
      cwd: tmpdir(),
      ...this.#user,
    });
  }

  /** It listens before it lets anyone in. */
  async #ready(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const client = new pg.Client(this.url);
      try {
        await client.connect();
        return;
      } catch (error) {
        if (tries === 600 || this.#child.exitCode !== null) throw error;
        await pause(20);
      } finally {
        await client.end();
      }
    }
  }

  /** Each connection has a process of its own. */
  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the server does not run');
    const children = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
    for (const one of [pid, ...children.trim().split('\n').map(Number)]) process.kill(one, signal);
  }
}

/** Postgres refuses to be run by root. */
function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((user) => user.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('no user to run Postgres as');
}
