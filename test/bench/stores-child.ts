/** A process of the bench of stores: measures what it is told to, when it is told to, and sends its figures. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Places, Session } from './stores-contender.ts';
import { contenderOf } from './stores-contenders.ts';

export interface Slice {
  readonly contender: string;
  /** Calls under way at the same time. */
  readonly inFlight: number;
  /** Unix milliseconds. */
  readonly from: number;
  readonly to: number;
}

export interface Figures {
  /** Calls that ended within the slice. */
  readonly calls: number;
  /** Milliseconds of each call; empty if there were several in flight. */
  readonly latencies: readonly number[];
  /** Microseconds of processor time that this process took for all of them. */
  readonly cpu: number;
}

export type Order = { readonly open: readonly string[]; readonly places: Places } | Slice | 'close';

/** Reads the same clock in every process, in Unix milliseconds. */
export const present = () => performance.timeOrigin + performance.now();

const sessions = new Map<string, Session>();

async function obey(order: Order): Promise<Figures | 'done'> {
  if (order === 'close') {
    await Promise.all([...sessions.values()].map((session) => session.close()));
    return 'done';
  }
  if ('open' in order) {
    for (const name of order.open) sessions.set(name, await contenderOf(name).open(order.places));
    return 'done';
  }
  const session = sessions.get(order.contender);
  if (session === undefined) throw new Error(`${order.contender} is not open`);
  // All processes begin together; asleep until then, since there may be more of them than processors.
  await pause(Math.max(0, order.from - present()));
  const before = process.cpuUsage();
  const counted =
    order.inFlight === 1
      ? await inTurn(session, order.to)
      : await together(session, order.inFlight, order.to);
  const { user, system } = process.cpuUsage(before);
  await session.rest?.();
  return { ...counted, cpu: user + system };
}

async function inTurn(session: Session, to: number): Promise<Omit<Figures, 'cpu'>> {
  const latencies: number[] = [];
  for (let start = present(); start < to; ) {
    await session.call();
    const end = present();
    latencies.push(end - start);
    start = end;
  }
  return { calls: latencies.length, latencies };
}

async function together(session: Session, inFlight: number, to: number): Promise<Omit<Figures, 'cpu'>> {
  let calls = 0;
  const lane = async () => {
    while (present() < to) {
      await session.call();
      if (present() <= to) calls++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { calls, latencies: [] };
}

if (process.send !== undefined) {
  process.on('message', async (order: Order) => {
    process.send?.(await obey(order));
    if (order === 'close') process.exit();
  });
}
