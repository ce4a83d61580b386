/** A worker process: does what it is told, one order after the other, and answers each. */

import type { Job, Question } from './job.ts';
import { OpenStore, type Place } from './open.ts';
import { report, work } from './work.ts';

export type Order =
  | { readonly kind: 'open'; readonly place: Place }
  | { readonly kind: 'work'; readonly job: Job }
  | { readonly kind: 'report'; readonly question: Question }
  | { readonly kind: 'close' };

let store: OpenStore | undefined;

async function obey(order: Order): Promise<unknown> {
  if (order.kind === 'open') {
    store = await OpenStore.at(order.place);
    return 'open';
  }
  if (store === undefined) throw new Error('there is no store to work on');
  switch (order.kind) {
    case 'work':
      return work(store.counters, order.job);
    case 'report':
      return report(store.counters, order.question);
    case 'close':
      await store.close();
      return 'closed';
  }
}

process.on('message', async (order: Order) => {
  process.send?.(await obey(order));
});
process.on('disconnect', () => process.exit());
