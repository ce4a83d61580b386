import mysql from 'mysql2';
import pg from 'pg';
import { type Contender, connectRedis, type Places, type StoreName } from './stores-contender.ts';
import { plainTable } from './stores-table.ts';

/** What calls asked of a server. */
interface Count {
  /** Requests that were sent and answered. */
  readonly trips: number;
  /** Of Redis: commands run inside scripts, and the server's microseconds in scripts. */
  readonly inner?: number;
  readonly microseconds?: number;
}

type Counter = (run: () => Promise<unknown>) => Promise<Count>;

/** Round trips of each contender that has a server, counted over calls one after the other. */
export async function operationTable(
  contenders: readonly Contender[],
  places: Places,
  calls: number,
): Promise<string> {
  const table = plainTable([
    'round trips of a call',
    'to admit',
    'commands in it',
    'server µs',
    'to settle',
    'commands in it',
    'server µs',
  ]);
  for (const contender of contenders) {
    const { counter, stop } = await counterOf(contender.store, places);
    if (counter === undefined) continue;
    const session = await contender.open(places);
    const { call, whole, rest } = session;
    // First what is done once only: connecting, tables, learning a script.
    for (let i = 0; i < 20; i++) await call();
    await rest?.();
    const admitted = await counter(() => times(calls, call).then(rest));
    const settled = whole && minus(await counter(() => times(calls, whole)), admitted);
    table.push([contender.name, ...cells(admitted, calls), ...cells(settled, calls)]);
    await session.close();
    stop();
  }
  return table.toString();
}

async function times(calls: number, call: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < calls; i++) await call();
}

function minus(a: Count, b: Count): Count {
  const { inner, microseconds } = a;
  return {
    trips: a.trips - b.trips,
    ...(inner !== undefined && { inner: inner - (b.inner ?? 0) }),
    ...(microseconds !== undefined && { microseconds: microseconds - (b.microseconds ?? 0) }),
  };
}

async function counterOf(store: StoreName, { redis }: Places): Promise<{ counter?: Counter; stop(): void }> {
  switch (store) {
    case 'redis':
    case 'valkey':
      return redisCounter(redis);
    case 'postgres':
      return driverCounter(pg.Client.prototype, ['query']);
    case 'mariadb':
      return driverCounter(mysql.Connection.prototype, ['query', 'execute']);
    default:
      return { stop: () => undefined };
  }
}

/** By the server's own statistics. */
async function redisCounter(url: string): Promise<{ counter: Counter; stop(): void }> {
  const client = await connectRedis(url);
  const counter = async (run: () => Promise<unknown>) => {
    await client.configResetStat();
    await run();
    let [scripts, commands, microseconds] = [0, 0, 0];
    const statistics = (await client.info('commandstats')).matchAll(/cmdstat_(\S+?):calls=(\d+),usec=(\d+)/g);
    for (const [, name = '', calls, time] of statistics) {
      if (name.startsWith('eval')) {
        scripts += Number(calls);
        microseconds += Number(time);
      } else if (!name.startsWith('config')) {
        commands += Number(calls);
      }
    }
    return scripts > 0 ? { trips: scripts, inner: commands, microseconds } : { trips: commands };
  };
  return { counter, stop: () => client.destroy() };
}

/** By wrapping what every connection of a driver sends its statements with. */
function driverCounter(prototype: object, methods: readonly string[]): { counter: Counter; stop(): void } {
  let trips = 0;
  const originals = methods.map(
    (method) => Reflect.get(prototype, method) as (...args: unknown[]) => unknown,
  );
  const counted = originals.map(
    (original) =>
      function (this: unknown, ...args: unknown[]) {
        trips++;
        return Reflect.apply(original, this, args);
      },
  );
  const put = (functions: readonly unknown[]) => {
    for (const [i, method] of methods.entries()) Reflect.set(prototype, method, functions[i]);
  };
  put(counted);
  const counter = async (run: () => Promise<unknown>) => {
    trips = 0;
    await run();
    return { trips };
  };
  return { counter, stop: () => put(originals) };
}

function cells(count: Count | undefined, calls: number): string[] {
  const { trips, inner, microseconds } = count ?? {};
  return [trips, inner, microseconds].map((value) => (value === undefined ? '' : perCall(value / calls)));
}

function perCall(value: number): string {
  return value.toFixed(2).replace(/\.?0+$/, '');
}
