import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { type Figures, type Order, present, type Slice } from './stores-child.ts';
import type { Places } from './stores-contender.ts';
import { quantile, type Sample } from './stores-table.ts';

export interface Plan {
  readonly names: readonly string[];
  readonly places: Places;
  readonly rounds: number;
  /** Before them, not measured: for compilers and connections. */
  readonly warmups: number;
  readonly processes: number;
  readonly sliceMs: number;
  readonly inFlight: number;
}

/** A process that does one thing at a time. */
class Worker {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, 'stores-child.ts'));
  #answered: ((figures: unknown) => void) | undefined;

  constructor() {
    this.#child.on('message', (figures) => this.#answered?.(figures));
    this.#child.on('exit', (code) => {
      if (code !== 0) throw new Error(`a process of the bench ended with code ${code}`);
    });
  }

  do(order: Order): Promise<unknown> {
    const answer = new Promise((resolve) => {
      this.#answered = resolve;
    });
    this.#child.send(order);
    return answer;
  }
}

/**
 * The samples of each contender, with one process and with all of them. Contenders take turns, in an order that changes
 * from round to round.
 *
 * @param afterRound nothing is measured meanwhile
 */
export async function measure(plan: Plan, afterRound: () => Promise<unknown>) {
  const { names, places, rounds, warmups, processes } = plan;
  const workers = Array.from({ length: processes }, () => new Worker());
  await Promise.all(workers.map((worker) => worker.do({ open: names, places })));
  const empty = () => new Map(names.map((name) => [name, [] as Sample[]]));
  const [one, many] = [empty(), empty()];
  for (let round = -warmups; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const alone = await sampleOf(name, workers.slice(0, 1), plan);
      const all = await sampleOf(name, workers, plan);
      if (round < 0) continue;
      one.get(name)?.push(alone);
      many.get(name)?.push(all);
    }
    await afterRound();
  }
  await Promise.all(workers.map((worker) => worker.do('close')));
  return { one, many };
}

async function sampleOf(name: string, workers: readonly Worker[], plan: Plan): Promise<Sample> {
  const latencies = (await slice(name, workers, plan, 1)).flatMap((figures) => figures.latencies);
  const together = await slice(name, workers, plan, plan.inFlight);
  const sum = (of: (figures: Figures) => number) =>
    together.reduce((total, figures) => total + of(figures), 0);
  const calls = sum((figures) => figures.calls);
  return {
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    rate: (calls * 1_000) / plan.sliceMs,
    cpu: sum((figures) => figures.cpu) / calls,
  };
}

/** In all of these processes at the same time. */
async function slice(
  contender: string,
  workers: readonly Worker[],
  { sliceMs }: Plan,
  inFlight: number,
): Promise<Figures[]> {
  const from = present() + 5;
  const order: Slice = { contender, inFlight, from, to: from + sliceMs };
  return Promise.all(workers.map(async (worker) => (await worker.do(order)) as Figures));
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
