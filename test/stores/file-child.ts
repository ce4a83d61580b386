import { DatabaseSync } from 'node:sqlite';
import { fileStore } from '../../src/stores/file.ts';
import type { AdmitOp } from '../../src/stores/store.ts';

/** A process that uses a file of counters as the test tells it: says 'ready', waits for a message, does its task. */
export type Task = 'admit' | 'admit until killed' | 'admit until it fails' | 'hold the lock';

export interface Answer {
  readonly admitted: number;
  /** Of the error that ended it. */
  readonly name?: string;
  readonly code?: unknown;
}

/** All children count here. */
export const HOT = 'hot';

/** @param room the most that the counter may be */
export function hot(room: number): AdmitOp {
  return { key: HOT, span: { start: 0, end: Infinity }, room, amount: 1 };
}

const USAGE = { requests: 1, promptTokens: 3, completionTokens: 4, tokens: 7, images: 0, cost: 0.25 };

async function perform(task: Task, path: string, times: number, room: number): Promise<void> {
  if (task === 'hold the lock') {
    new DatabaseSync(path).exec('BEGIN IMMEDIATE');
    answer({ admitted: 0 });
    // Holds it until it is killed.
    process.on('message', () => undefined);
    return;
  }
  const store = fileStore(path).counters('test');
  let admitted = 0;
  const admit = async () => {
    const id = `${process.pid}-${Math.random()}`;
    const made = { id, key: HOT, endpoint: '', model: '', usage: USAGE, reservedAt: 0 };
    if ((await store.admit(made, [hot(room)])).admitted === true) admitted++;
  };
  if (task === 'admit') {
    // Some of them at once, so that operations wait for each other in the process as well.
    for (let i = 0; i < times; i += 10) await Promise.all(Array.from({ length: 10 }, admit));
    answer({ admitted });
    process.disconnect();
    return;
  }
  try {
    for (;;) {
      await admit();
      if (task === 'admit until killed') answer({ admitted });
      await new Promise(setImmediate);
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    answer({ admitted, name: error.name, code: Reflect.get(error, 'code') });
    process.disconnect();
  }
}

function answer(answer: Answer): void {
  process.send?.(answer);
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  const [task, path = '', times, room, user] = process.argv.slice(2);
  if (user) process.setuid?.(Number(user));
  process.once('message', () => void perform(task as Task, path, Number(times), Number(room)));
  process.send('ready');
}
