import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job, Question, Standing } from './job.ts';
import type { Place } from './open.ts';
import type { Trace } from './trace.ts';
import type { Order } from './worker.ts';

const PROGRAM = join(import.meta.dirname, 'worker.ts');

const OPTIONS: ForkOptions = {
  execArgv: [],
  // Of the two ways to send a message, the one that knows Infinity and Map.
  serialization: 'advanced',
  // Halves the time to start: all of them read the same source.
  env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'governed-openai-compiled') },
};

/** A worker in a process of its own. */
export class WorkerProcess {
  readonly #child: ChildProcess = fork(PROGRAM, OPTIONS);

  get isDead(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async open(place: Place): Promise<void> {
    await this.#ask({ kind: 'open', place });
  }

  async work(job: Job): Promise<Trace> {
    return (await this.#ask({ kind: 'work', job })) as Trace;
  }

  async report(question: Question): Promise<Standing[]> {
    return (await this.#ask({ kind: 'report', question })) as Standing[];
  }

  async close(): Promise<void> {
    if (!this.isDead) await this.#ask({ kind: 'close' });
  }

  /** At once, whatever it is doing. */
  async kill(): Promise<void> {
    if (this.isDead) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** @throws if it dies before it has answered */
  #ask(order: Order): Promise<unknown> {
    if (this.isDead) throw new Error('the worker is dead');
    const answer = new Promise((resolve, reject) => {
      const answered = (answer: unknown) => {
        this.#child.off('exit', ended);
        resolve(answer);
      };
      const ended = (code: number | null) => {
        this.#child.off('message', answered);
        reject(new Error(`a worker ended with code ${code}`));
      };
      this.#child.once('message', answered);
      this.#child.once('exit', ended);
    });
    this.#child.send(order);
    return answer;
  }
}

/** Workers that do the same at the same time. */
export class Crew {
  #workers: readonly WorkerProcess[];

  constructor(size: number) {
    this.#workers = Array.from({ length: size }, () => new WorkerProcess());
  }

  /** Who died on the last store is replaced. */
  async open(place: Place): Promise<void> {
    this.#workers = this.#workers.map((one) => (one.isDead ? new WorkerProcess() : one));
    await Promise.all(this.#workers.map((one) => one.open(place)));
  }

  async work(job: Omit<Job, 'worker'>): Promise<Trace[]> {
    return Promise.all(this.#workers.map((one, worker) => one.work({ ...job, worker })));
  }

  /** As one of them sees it. */
  async report(question: Question): Promise<Standing[]> {
    const [worker] = this.#workers;
    return (await worker?.report(question)) ?? [];
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((one) => one.close()));
  }

  async kill(): Promise<void> {
    await Promise.all(this.#workers.map((one) => one.kill()));
  }
}
