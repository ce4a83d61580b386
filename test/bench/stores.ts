/**
 * Admissions of a budget with three limits on each store, and of what one would take instead, on one hot key: latency
 * one at a time, and calls in a second with many in flight, with one process and with several. All take turns in short
 * slices, so that a machine that slows down slows all; ratios are medians of what each round showed. Then round trips
 * per call, counted. The servers are started for the run. Asserts nothing.
 *
 *     npm run bench:stores -- [--quick] [--stores redis,file] [--rounds 15] [--processes 8]
 */
import { parseArgs } from 'node:util';
import { STORES } from './stores-contender.ts';
import { contenders, FLOOR } from './stores-contenders.ts';
import { GOVERNED_REDIS } from './stores-governed.ts';
import { RLF } from './stores-limiters.ts';
import { measure } from './stores-measure.ts';
import { operationTable } from './stores-operations.ts';
import { startServers } from './stores-servers.ts';
import { latencyOf, ratioText, type Samples, sampleTable, timeOf, timeRatio } from './stores-table.ts';

const IN_FLIGHT = 32;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    stores: { type: 'string', default: STORES.join() },
    rounds: { type: 'string' },
    processes: { type: 'string' },
  },
});
const wanted = options.stores.split(',');
const unknown = wanted.filter((name) => !STORES.some((store) => store === name));
if (unknown.length > 0) throw new Error(`--stores takes ${STORES.join()}, not ${unknown.join()}`);

const started = performance.now();
const servers = await startServers(STORES.filter((store) => wanted.includes(store)));
const chosen = contenders.filter(({ store }) => servers.stores.includes(store));
const plan = {
  names: chosen.map(({ name }) => name),
  places: servers.places,
  rounds: Number(options.rounds ?? (options.quick ? 1 : 15)),
  warmups: options.quick ? 0 : 1,
  processes: Number(options.processes ?? (options.quick ? 2 : 8)),
  sliceMs: options.quick ? 20 : 100,
  inFlight: IN_FLIGHT,
};
const { one, many } = await measure(plan, servers.flush);
const operations = await operationTable(chosen, servers.places, options.quick ? 50 : 200);
await servers.stop();

console.log(`p50, p99: one at a time. calls/s: ${IN_FLIGHT} in flight in each process. x: time per call as a multiple,
of a bare EVALSHA (calls/s: the same in flight) and of rate-limiter-flexible with one limit on the same server.
CPU µs: what a call in flight takes of its own process.
Budgets have three limits: tokens per minute, requests per day, cost per month. In memory, each process has its own.
Postgres does not wait for the disk (fsync off), nor does MariaDB (flush_log_at_trx_commit 2).
@upstash/ratelimit does not run on Redis as it is: its scripts begin with a flag that Redis refuses, left out here.
`);
console.log(`One process\n${sampleTable(one)}\n`);
console.log(`${plan.processes} processes\n${sampleTable(many)}\n`);
console.log(operations);
if (one.has(GOVERNED_REDIS)) {
  console.log('\nA budget of three limits on Redis: time per call as a multiple');
  tellGoals('one process', one);
  tellGoals(`${plan.processes} processes`, many);
}
console.log(`\n${plan.rounds} rounds in ${Math.round((performance.now() - started) / 1_000)} s`);

function tellGoals(where: string, samples: Samples): void {
  for (const [what, of] of [
    ['one at a time', latencyOf],
    ['in flight', timeOf],
  ] as const) {
    const [bare, limiter] = [FLOOR, RLF].map((other) =>
      ratioText(timeRatio(samples, GOVERNED_REDIS, other, of)),
    );
    console.log(`  ${where}, ${what}: ${bare} of a bare EVALSHA (goal 1.3), ${limiter} of ${RLF} (goal 1)`);
  }
}
