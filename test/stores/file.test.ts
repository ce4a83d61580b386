import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { BudgetOptionError } from '../../src/errors.ts';
import { EPOCH } from '../../src/limits/window.ts';
import { type FileStore, fileStore } from '../../src/stores/file.ts';
import { FileStoreError } from '../../src/stores/sqlite.ts';
import { type AdmitOp, RESERVATION_KEPT, type StoredReservation } from '../../src/stores/store.ts';
import { conformance } from '../conformance.ts';
import { start, stop } from '../support/server.ts';
import { type Answer, HOT, hot, type Task } from './file-child.ts';

const opened: FileStore[] = [];
const running: Child[] = [];
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  // First: one that has a file locked would keep it from being closed.
  for (const child of running.splice(0)) await child.kill();
  for (const store of opened.splice(0)) await store.disconnect();
});

function open(path: string): FileStore {
  const store = fileStore(path);
  opened.push(store);
  return store;
}

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'governed-'));
}

function newPath(): string {
  return join(folder(), 'budget.db');
}

let made = 0;
function reservation(over: Partial<StoredReservation> = {}): StoredReservation {
  const usage = { requests: 1, promptTokens: 3, completionTokens: 4, tokens: 7, images: 0, cost: 0.25 };
  return { id: `r${++made}`, key: 'team', endpoint: '', model: '', usage, reservedAt: 0, ...over };
}

const fixed = (key: string, amount = 1, room = 1_000_000): AdmitOp => ({
  key,
  span: { start: 0, end: Infinity },
  room,
  amount,
});

/** Runs a task in processes of their own, which begin together. */
async function children(count: number, task: Task, path: string, ...args: (number | string)[]) {
  return Promise.all(Array.from({ length: count }, () => new Child(task, path, args).ready()));
}

class Child {
  readonly process;
  last: Answer = { admitted: 0 };

  constructor(task: Task, path: string, args: readonly (number | string)[], wrapper: string[] = []) {
    const program = join(import.meta.dirname, 'file-child.ts');
    const [command = '', ...rest] = [...wrapper, process.execPath, program, task, path, ...args.map(String)];
    this.process = start(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    running.push(this);
  }

  async ready(): Promise<this> {
    const ended = once(this.process, 'exit').then(([code]) => {
      throw new Error(`the child ended with code ${code}`);
    });
    await Promise.race([once(this.process, 'message'), ended]);
    ended.catch(() => undefined);
    return this;
  }

  begin(): Promise<Answer> {
    const answered = new Promise<Answer>((resolve) => {
      this.process.on('message', (answer: Answer) => {
        this.last = answer;
        resolve(answer);
      });
    });
    this.process.send('begin');
    return answered;
  }

  async kill(): Promise<void> {
    await stop(this.process, 'SIGKILL');
  }
}

conformance('file', () => {
  const path = newPath();
  const [a, b] = [fileStore(path), fileStore(path)];
  return {
    store: a.counters('keyv'),
    other: b.counters('keyv'),
    close: () => Promise.all([a.disconnect(), b.disconnect()]),
  };
});

describe('several processes on one file', { timeout: 60_000 }, () => {
  test('which none of them finds there: admit exactly what fits', async () => {
    const path = newPath();
    const [times, room] = [200, 1_000];
    const workers = await children(8, 'admit', path, times, room);
    const answers = await Promise.all(workers.map((worker) => worker.begin()));
    expect(answers.reduce((sum, { admitted }) => sum + admitted, 0)).toBe(room);
    const counters = open(path).counters('test');
    expect((await counters.read([HOT])).values).toEqual([room]);
    expect(await counters.reservations(HOT)).toHaveLength(room);
  });

  test('which are killed in the middle: the file stays whole, and what was admitted is counted', async () => {
    const path = newPath();
    let acknowledged = 0;
    for (let round = 0; round < 2; round++) {
      const workers = await children(4, 'admit until killed', path, 0, Infinity);
      for (const worker of workers) void worker.begin();
      await vi.waitFor(
        () => {
          for (const { last } of workers) expect(last.admitted).toBeGreaterThan(20);
        },
        { timeout: 20_000, interval: 5 },
      );
      await Promise.all(workers.map((worker) => worker.kill()));
      acknowledged += workers.reduce((sum, { last }) => sum + last.admitted, 0);
      const counters = open(path).counters('test');
      const [value = 0] = (await counters.read([HOT])).values;
      expect(await counters.reservations(HOT)).toHaveLength(value);
      expect(value).toBeGreaterThanOrEqual(acknowledged);
      expect((await counters.admit(reservation({ key: HOT }), [hot(Infinity)])).admitted).toBe(true);
      acknowledged++;
    }
    expect(new DatabaseSync(path).prepare('PRAGMA integrity_check').all()).toEqual([
      { integrity_check: 'ok' },
    ]);
  });

  test('one of which is stopped while it has the lock: others read, do other work, and go on after it', async () => {
    const path = newPath();
    const counters = open(path).counters('test');
    await counters.admit(reservation(), [fixed('a')]);
    const [holder] = await children(1, 'hold the lock', path);
    await holder?.begin();
    holder?.process.kill('SIGSTOP');

    const asked = performance.now();
    const done: string[] = [];
    const [first, second] = [
      Promise.resolve(counters.admit(reservation(), [fixed('a')])).then((answer) => {
        done.push('first');
        return answer;
      }),
      Promise.resolve(counters.delete(['a'])).then(() => done.push('second')),
    ];
    // An operation that is not answered at once has waited for nothing.
    expect(performance.now() - asked).toBeLessThan(1_000);
    for (let turn = 0; turn < 500; turn++) await new Promise(setImmediate);
    expect(counters.read(['a'])).toMatchObject({ values: [1] });
    expect(done).toEqual([]);

    await holder?.kill();
    expect(await first).toMatchObject({ admitted: true, values: [2] });
    await second;
    expect(done).toEqual(['first', 'second']);
    expect(counters.read(['a'])).toMatchObject({ values: [undefined] });
  });

  test('one of which never lets go: the others give up in the end, and go on when it does', async () => {
    const path = newPath();
    const counters = open(path).counters('test');
    await counters.admit(reservation(), [fixed('a')]);
    const holder = new DatabaseSync(path);
    holder.exec('BEGIN IMMEDIATE');
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const refused = expect(counters.admit(reservation(), [fixed('a')])).rejects.toMatchObject({
      name: 'FileStoreError',
      code: 'SQLITE_BUSY',
    });
    await vi.advanceTimersByTimeAsync(9_900);
    const admitted = expect(counters.admit(reservation(), [fixed('a')])).resolves.toMatchObject({
      values: [2],
    });
    await vi.advanceTimersByTimeAsync(200);
    await refused;
    holder.exec('ROLLBACK');
    await vi.advanceTimersByTimeAsync(10);
    await admitted;
  });
});

describe('a file that fails', () => {
  test.each([
    ['', 'a path'],
    [undefined, 'a path'],
    [null, 'a path'],
    [7, 'a path'],
    [new URL('file:///tmp/budget.db'), 'a path'],
    ['nul\0byte', 'a path'],
    [':memory:', 'a path'],
  ])('%o is no path', (path, expected) => {
    expect(() => fileStore(path as string)).toThrow(BudgetOptionError);
    expect(() => fileStore(path as string)).toThrow(
      expect.objectContaining({ option: 'fileStore', expected }),
    );
  });

  test('a relative path is that of the working directory', () => {
    expect(fileStore('budget.db').opts.url).toBe(`sqlite://${join(process.cwd(), 'budget.db')}`);
  });

  test('a runtime without node:sqlite is told at once', () => {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined);
    expect(() => fileStore('budget.db')).toThrow(/Node 22.13 or later, which has node:sqlite/);
  });

  const works = async (store: FileStore) => {
    const counters = store.counters('test');
    expect((await counters.admit(reservation(), [fixed('a')])).admitted).toBe(true);
    expect((await counters.read(['a'])).values).toEqual([1]);
  };
  const read = async (store: FileStore) => store.counters('test').read(['a']);

  test('in a folder that is not there, until it is', async () => {
    const path = join(folder(), 'later', 'budget.db');
    const store = open(path);
    for (let times = 0; times < 2; times++) {
      await expect(read(store)).rejects.toThrow(FileStoreError);
      await expect(read(store)).rejects.toMatchObject({ code: 'SQLITE_CANTOPEN' });
    }
    mkdirSync(join(path, '..'));
    await works(store);
  });

  test('that is a folder', async () => {
    await expect(read(open(folder()))).rejects.toMatchObject({ code: 'SQLITE_CANTOPEN' });
  });

  test('that is no database, until it is gone', async () => {
    const path = newPath();
    writeFileSync(path, 'this is not a database '.repeat(100));
    const store = open(path);
    await expect(read(store)).rejects.toMatchObject({ name: 'FileStoreError', code: 'SQLITE_NOTADB' });
    rmSync(path);
    await works(store);
  });

  test('that may only be read', async () => {
    const path = newPath();
    await works(open(path));
    await Promise.all(opened.splice(0).map((store) => store.disconnect()));
    // Root may write everything: the child becomes somebody else.
    const nobody = process.getuid?.() === 0 ? 65_534 : '';
    chmodSync(path, 0o444);
    chmodSync(join(path, '..'), 0o555);
    const [child] = await children(1, 'admit until it fails', path, 0, Infinity, nobody);
    expect(await child?.begin()).toEqual({ admitted: 0, name: 'FileStoreError', code: 'SQLITE_READONLY' });
    chmodSync(join(path, '..'), 0o755);
  });

  test('on a disk that is full: what was admitted until then is counted', async () => {
    const path = newPath();
    const small = ['sh', '-c', 'ulimit -f 400; exec "$@"', 'sh'];
    const child = await new Child('admit until it fails', path, [0, Infinity], small).ready();
    const { admitted, ...failure } = await child.begin();
    expect(admitted).toBeGreaterThan(0);
    expect(failure).toMatchObject({
      name: 'FileStoreError',
      code: expect.stringMatching(/^SQLITE_(FULL|IOERR)$/),
    });
    expect((await open(path).counters('test').read([HOT])).values).toEqual([admitted]);
  });

  test('in the middle of an operation: nothing of it is written, and the next one is done', async () => {
    const path = newPath();
    const counters = open(path).counters('test');
    await counters.admit(reservation(), [fixed('a')]);
    new DatabaseSync(path).exec('DROP TABLE governed_open');
    await expect((async () => counters.admit(reservation(), [fixed('a')]))()).rejects.toThrow(FileStoreError);
    expect(await counters.admit(reservation(), [fixed('a')])).toMatchObject({ values: [2] });
  });
});

describe('the file', () => {
  test('keeps the counters of namespaces apart, and from the values of the app', async () => {
    const store = open(newPath());
    await store.counters('a').admit(reservation(), [fixed('b:c', 5)]);
    expect(await store.counters('a:b').read(['c', 'b:c'])).toMatchObject({ values: [undefined, undefined] });
    await store.counters('').admit(reservation(), [fixed('b:c', 7)]);
    await store.clear();
    expect(await store.counters('a').read(['b:c'])).toMatchObject({ values: [5] });
    expect(await store.counters('').reservations('team')).toHaveLength(1);
  });

  test('forgets what has expired, a reservation last', async () => {
    const path = newPath();
    const counters = open(path).counters('test');
    const now = EPOCH + 500;
    await counters.admit(
      reservation(),
      [
        { key: 'fixed', span: { start: 0, end: now + 10 }, room: 9, amount: 5 },
        { key: 'moving', span: undefined, room: 100, amount: 100 },
      ],
      now,
    );
    expect((await counters.read(['fixed', 'moving'], now + 9)).values).toEqual([5, 600]);
    expect((await counters.read(['fixed', 'moving'], now + 10)).values).toEqual([undefined, 600]);
    expect((await counters.read(['moving'], now + 99 + 600_000)).values).toEqual([600]);
    expect((await counters.read(['moving'], now + 100 + 600_000)).values).toEqual([undefined]);
    expect(await counters.reservations('team', now + RESERVATION_KEPT - 1)).toHaveLength(1);
    expect(await counters.reservations('team', now + RESERVATION_KEPT)).toEqual([]);
  });

  test('does not grow with what has expired, and neither does its log', async () => {
    const path = newPath();
    const counters = open(path).counters('test');
    for (let i = 0; i < 2_000; i++) {
      const now = i * RESERVATION_KEPT;
      const span = { start: now, end: now + 10 };
      await counters.admit(reservation(), [{ key: `key ${i}`, span, room: 9, amount: 1 }], now);
      await counters.settle(reservation(), [], false, now);
      await counters.note(`note ${i}`, '', now);
    }
    const file = new DatabaseSync(path);
    for (const table of ['counters', 'open', 'closed', 'notes']) {
      const [row] = file.prepare(`SELECT count(*) AS rows FROM governed_${table}`).all();
      expect(row?.['rows']).toBeLessThan(100);
    }
    expect(statSync(`${path}-wal`).size).toBeLessThan(10_000_000);
  });

  test('is closed by disconnect, once what waits for it is done, and opened again by the next operation', async () => {
    const path = newPath();
    const store = open(path);
    const counters = store.counters('test');
    await counters.admit(reservation(), [fixed('a')]);
    const holder = new DatabaseSync(path);
    holder.exec('BEGIN IMMEDIATE');
    const admission = counters.admit(reservation(), [fixed('a')]);
    const disconnected = store.disconnect();
    holder.exec('ROLLBACK');
    holder.close();
    await disconnected;
    expect(await admission).toMatchObject({ values: [2] });
    // The last one to close a file moves its log into it.
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })).toBeUndefined();
    expect((await counters.read(['a'])).values).toEqual([2]);
  });
});
