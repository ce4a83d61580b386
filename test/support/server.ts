import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe } from 'vitest';

/** The program of that name, looked for on the PATH and in the folders (or patterns of folders) given. */
export function findProgram(name: string, ...folders: string[]): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  return [...path, ...folders.flatMap((folder) => globSync(folder))]
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

/**
 * `describe` for tests that need a program of this machine. Without it they are skipped with a line that says so; in CI,
 * where it should be there, they fail.
 */
export function describeWith(
  program: string | undefined,
  name: string,
  title: string,
  tests: () => void,
): void {
  if (program !== undefined) describe(title, tests);
  else if (process.env['CI']) throw new Error(`${title}: ${name} is not installed, and in CI it should be`);
  else describe.skip(`${title} (skipped: ${name} is not installed on this machine)`, tests);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the port is not known');
  return address.port;
}

/** Resolves when something accepts connections on a port of this machine. @throws if it does not in half a minute */
export async function listening(port: number, child?: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (child?.exitCode != null) throw new Error(`the server ended with code ${child.exitCode}`);
    const socket = dial(port, '127.0.0.1');
    const answer = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (answer) return;
    await pause(50);
  }
  throw new Error(`nothing listens on port ${port}`);
}

const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts a program that is ended with this process at the latest. */
export function start(program: string, args: readonly string[], options: object = {}): ChildProcess {
  const child = spawn(program, args, { stdio: 'ignore', ...options });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGCONT');
  child.kill(signal);
  await ended;
}
