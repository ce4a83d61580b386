import { Connection, fileStoreError, isLocked } from './sqlite.ts';
import type { Awaitable } from './store.ts';

/** How long an operation waits for a file that others have locked, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Between tries to lock the file, in milliseconds. SQLite has no queue for its lock: whoever tries while it is free gets
 * it. A pause by chance, so that no two processes keep step; after long waiting the shortest, so that those who had no
 * luck try most often.
 */
const SHORTEST_PAUSE = 1;
const LONGEST_PAUSE = 5;
const LONG_WAITING = 50;

/** Most that operations which had to wait may take of one turn of the event loop, in milliseconds. */
const TURN = 5;

/** Commits of this connection between checkpoints: what the log may grow by, and how often one of them waits for the disk. */
const CHECKPOINT_EVERY = 512;

interface Waiting {
  /** Does the operation and answers its caller. @throws if the operation does */
  readonly attempt: () => void;
  readonly reject: (error: unknown) => void;
  /** By `performance.now()`. */
  readonly since: number;
}

/**
 * A SQLite file that processes share. An operation is one transaction; it is answered at once, or with a promise if
 * another process has the file locked just then. Nothing here waits for a lock on the event loop's time. The file is
 * opened by the first operation, and again by the next one after a failure.
 */
export class SharedFile {
  readonly #path: string;
  readonly #schema: string;
  #connection: Connection | undefined;
  #commits = 0;
  /** In the order in which they were asked for. While there are any, a timer to try the first of them is set. */
  readonly #waiting: Waiting[] = [];

  /** @param schema SQL that makes the tables which are missing */
  constructor(path: string, schema: string) {
    this.#path = path;
    this.#schema = schema;
  }

  /** Sees one state of the file, even while others write. */
  read<T>(operate: (connection: Connection) => T): Awaitable<T> {
    return this.#answer(() => this.#transact('BEGIN', operate), false);
  }

  /** Nobody else writes meanwhile; what it writes is written if it does not throw. */
  write<T>(operate: (connection: Connection) => T): Awaitable<T> {
    return this.#answer(() => {
      const answer = this.#transact('BEGIN IMMEDIATE', operate);
      this.#committed();
      return answer;
    }, true);
  }

  /** When everything asked for before is done. The next operation opens the file again. */
  close(): Awaitable<void> {
    return this.#answer(() => this.#disconnect(), true);
  }

  /** @param inTurn whether it must not overtake operations that wait */
  #answer<T>(operate: () => T, inTurn: boolean): Awaitable<T> {
    if (!inTurn || this.#waiting.length === 0) {
      try {
        return operate();
      } catch (error) {
        if (!isLocked(error)) throw fileStoreError(this.#path, error);
      }
    }
    return new Promise<T>((resolve, reject) => {
      const attempt = () => resolve(operate());
      this.#waiting.push({ attempt, reject, since: performance.now() });
      if (this.#waiting.length === 1) this.#pause();
    });
  }

  /** Sets the timer to try the first that waits, if any does. */
  #pause(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    const longest = waited(first) < LONG_WAITING ? LONGEST_PAUSE : SHORTEST_PAUSE;
    setTimeout(() => this.#serve(), SHORTEST_PAUSE + Math.random() * (longest - SHORTEST_PAUSE));
  }

  #serve(): void {
    const turnEnds = performance.now() + TURN;
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      try {
        first.attempt();
      } catch (error) {
        if (isLocked(error) && waited(first) < PATIENCE) break;
        first.reject(fileStoreError(this.#path, error));
      }
      this.#waiting.shift();
      // Time for other work, of this process and of the others.
      if (performance.now() > turnEnds) break;
    }
    this.#pause();
  }

  #transact<T>(begin: 'BEGIN' | 'BEGIN IMMEDIATE', operate: (connection: Connection) => T): T {
    this.#connection ??= new Connection(this.#path, this.#schema);
    const connection = this.#connection;
    try {
      connection.run(begin);
    } catch (error) {
      if (!isLocked(error)) this.#disconnect();
      throw error;
    }
    try {
      const answer = operate(connection);
      connection.run('COMMIT');
      return answer;
    } catch (error) {
      // Rolls back, whatever state the failure left the transaction in.
      this.#disconnect();
      throw error;
    }
  }

  /**
   * Right after a commit the lock is free, so that the log can be moved to the file to its very end and begin anew.
   * Otherwise it would grow for as long as several processes are busy.
   */
  #committed(): void {
    this.#commits++;
    if (this.#commits % CHECKPOINT_EVERY !== 0) return;
    try {
      this.#connection?.checkpoint();
    } catch {
      // The commit stands. If something is wrong with the file, the next operation meets it when it opens it.
      this.#disconnect();
    }
  }

  #disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
  }
}

function waited({ since }: Waiting): number {
  return performance.now() - since;
}
