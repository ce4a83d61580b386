import { isFiniteNumber } from '../checks.ts';
import { safeKey } from '../safe-key.ts';
import { recordOf, reservationOf } from './record.ts';
import type { RedisClient } from './redis-client.ts';
import { redisLua, redisLuaSha1 } from './scripts.ts';
import type { Admission, AdmitOp, CounterStore, Reading, SettleOp, StoredReservation } from './store.ts';

/** Counters in Redis or Valkey: every operation is one call of one script. */
export class RedisStore implements CounterStore {
  readonly scope = 'shared';
  readonly #client: RedisClient;
  readonly #prefix: string;

  constructor(client: RedisClient, namespace: string) {
    this.#client = client;
    // The braces are a hash tag: in a cluster, all keys of a namespace are on one node, as a script demands.
    this.#prefix = `{governed:${safeKey(namespace)}}:`;
  }

  async admit(reservation: StoredReservation, ops: readonly AdmitOp[], now?: number): Promise<Admission> {
    const args = ['admit', momentOf(now), recordOf(reservation)];
    for (const { amount, room, span } of ops) {
      args.push(String(amount), String(room), boundOf(span?.start), boundOf(span?.end));
    }
    const [admitted, at, ...values] = await this.#texts(this.#keys(reservation, ops), args);
    return {
      admitted: admitted === 'stale' ? admitted : admitted === '1',
      values: values.map(counterOf),
      now: numberOf(at),
    };
  }

  async settle(
    reservation: StoredReservation,
    ops: readonly SettleOp[],
    certain: boolean,
    now?: number,
  ): Promise<void> {
    const args = ['settle', momentOf(now), recordOf(reservation), certain ? '1' : '0'];
    for (const { reserved, used, span } of ops) {
      args.push(String(reserved), String(used), boundOf(span?.start), boundOf(span?.end));
    }
    await this.#run(this.#keys(reservation, ops), args);
  }

  async read(keys: readonly string[], now?: number): Promise<Reading> {
    // A script without a key has no place in a cluster.
    const asked = keys.length > 0 ? keys.map((key) => this.#counter(key)) : [`${this.#prefix}none`];
    const [at, ...values] = await this.#texts(asked, ['read', momentOf(now)]);
    return { values: values.slice(0, keys.length).map(counterOf), now: numberOf(at) };
  }

  async delete(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#run(
      keys.map((key) => this.#counter(key)),
      ['delete', ''],
    );
  }

  async reservations(key: string, now?: number): Promise<StoredReservation[]> {
    const records = await this.#texts([this.#open(key)], ['reservations', momentOf(now)]);
    return records.map((record) => reservationOf(key, record));
  }

  async note(name: string, text: string): Promise<void> {
    await this.#run([this.#note(name)], ['note', '', text]);
  }

  async noted(name: string): Promise<string | undefined> {
    const text = await this.#run([this.#note(name)], ['noted', '']);
    return typeof text === 'string' ? text : undefined;
  }

  #keys({ id, key }: StoredReservation, ops: readonly { readonly key: string }[]): string[] {
    const keys = [this.#open(key), `${this.#prefix}closed:${id}`];
    for (const op of ops) keys.push(this.#counter(op.key));
    return keys;
  }

  #counter(key: string): string {
    return `${this.#prefix}count:${key}`;
  }

  #open(key: string): string {
    return `${this.#prefix}open:${safeKey(key)}`;
  }

  #note(name: string): string {
    return `${this.#prefix}note:${safeKey(name)}`;
  }

  async #run(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await this.#client.evalSha(redisLuaSha1, keys, args);
    } catch (error) {
      // The server does not know the script yet, or was restarted. Nothing was run.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await this.#client.eval(redisLua, keys, args);
    }
  }

  async #texts(keys: readonly string[], args: readonly string[]): Promise<string[]> {
    const reply = await this.#run(keys, args);
    if (Array.isArray(reply) && reply.every((item) => typeof item === 'string')) return reply;
    throw new Error('the script of the budget gave another answer than it should');
  }
}

/** Empty: the server's own clock. */
function momentOf(now: number | undefined): string {
  return now === undefined ? '' : String(now);
}

function boundOf(moment: number | undefined): string {
  return moment === undefined ? '' : String(moment);
}

function counterOf(text: string): number | undefined {
  return text === '' ? undefined : numberOf(text);
}

function numberOf(text: string | undefined): number {
  const value = Number(text);
  if (isFiniteNumber(value)) return value;
  throw new Error('the script of the budget gave an answer that is no number');
}
