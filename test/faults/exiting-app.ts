import { once } from 'node:events';
import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import { Budget, type Limit } from '../../src/index.ts';
import { FaultyStore } from './faulty-store.ts';

/** Apps that come to their end while a settlement is not delivered. Run as a process of their own, by name. */

const limits: Limit[] = [{ tokens: 100, per: 'forever' }];
const key = 'app';

function onFaultyStore(failureOf: FaultyStore['failureOf']) {
  const store = new FaultyStore();
  store.failureOf = failureOf;
  return new Budget({ store, limits, key, storeTimeout: 100 });
}

async function settleOne(budget: Budget): Promise<void> {
  (await budget.reserve({ usage: { tokens: 50 } })).settle({ tokens: 20 });
}

/** Tells the test that it has reserved, waits until that has done something to the network, and settles. */
async function settleLater(budget: Budget): Promise<void> {
  const reservation = await budget.reserve({ usage: { tokens: 50 } });
  console.log('reserved');
  await once(process.stdin, 'data');
  process.stdin.destroy();
  reservation.settle({ tokens: 20 });
}

const apps = {
  /** Its store refuses everything after the first. */
  'leaves a refused settlement': () =>
    settleOne(onFaultyStore((n) => (n > 0 ? 'before it takes effect' : undefined))),

  'leaves a settlement without an answer': () =>
    settleOne(onFaultyStore((n) => (n > 0 ? 'never answers' : undefined))),

  /** Its store is away for a while. */
  async 'flushes what was refused'() {
    const budget = onFaultyStore((n) => (n > 0 && n < 4 ? 'before it takes effect' : undefined));
    await settleOne(budget);
    await budget.flush();
    console.log((await budget.usage())[0]?.used);
  },

  async 'leaves Redis'() {
    const adapter = new KeyvRedis(process.argv[3]);
    await settleLater(new Budget({ store: new Keyv(adapter), limits, key }));
    await adapter.disconnect(true);
  },

  async 'flushes to Redis'() {
    const adapter = new KeyvRedis(process.argv[3]);
    const budget = new Budget({ store: new Keyv(adapter), limits, key, storeTimeout: 300 });
    budget.on('storeError', ({ operation }) => console.log(operation));
    await settleLater(budget);
    await budget.flush();
    await adapter.disconnect();
  },
};

export type App = keyof typeof apps;

if (import.meta.main) await apps[process.argv[2] as App]();
