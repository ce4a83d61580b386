import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import { Budget, type Limit, QuotaExceeded } from '../../src/index.ts';
import { counterStore } from '../../src/stores/from-keyv.ts';

/** What a worker is told to do. */
export interface Orders {
  readonly url: string;
  /** Milliseconds that its clock is wrong by. */
  readonly skew: number;
  readonly limit: Limit;
  /** How long it asks for more, in milliseconds of the server's clock. */
  readonly span: number;
}

/** What the server answered to an admission, and when, by its clock. */
export interface Answer {
  readonly now: number;
  readonly admitted: boolean | 'stale';
  /** Of a denial: when the budget says that the limit is free again. */
  readonly resetAt?: number | undefined;
}

export interface Report {
  readonly answers: readonly Answer[];
  /** When the last reservation was made, and when the server admitted it, in Unix milliseconds. */
  readonly reservedAt: number | undefined;
  readonly admittedAt: number | undefined;
}

const right = Date.now;

/** A worker whose clock is wrong: asks for single requests, again and again, and tells what it was answered. */
async function work({ url, skew, limit, span }: Orders): Promise<Report> {
  Date.now = () => right() + skew;
  const keyv = new Keyv(new KeyvRedis(url));
  const store = counterStore(keyv, () => undefined);
  const admit = store.admit.bind(store);
  const answers: { now: number; admitted: boolean | 'stale'; resetAt?: number | undefined }[] = [];
  store.admit = async (...asked) => {
    const { now, admitted, values } = await admit(...asked);
    answers.push({ now, admitted });
    return { now, admitted, values };
  };
  const budget = new Budget({ store, limits: [limit] });
  let last: string | undefined;
  const ask = async () => {
    try {
      last = (await budget.reserve({ usage: { requests: 1 } })).id;
    } catch (error) {
      const denied = answers.at(-1);
      if (!(error instanceof QuotaExceeded) || denied === undefined) throw error;
      denied.resetAt = error.resetAt?.getTime();
    }
  };
  await ask();
  const end = (answers[0]?.now ?? Number.NaN) + span;
  while ((answers.at(-1)?.now ?? Number.NaN) < end) await ask();
  const made = (await budget.reservations()).find(({ id }) => id === last);
  await keyv.disconnect();
  return {
    answers,
    reservedAt: made?.reservedAt.getTime(),
    admittedAt: answers.findLast(({ admitted }) => admitted === true)?.now,
  };
}

process.on('message', async (orders: Orders) => process.send?.(await work(orders)));
