import { isFiniteNumber } from '../checks.ts';
import type { Span } from '../limits/period.ts';
import { safeKey } from '../safe-key.ts';
import { finite, raised } from './counting.ts';
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
    const numbers: (number | null)[] = [0];
    let latestStart = 0;
    for (const { amount, room, span } of ops) {
      numbers.push(finite(amount), finite(room), endOf(span));
      if (span !== undefined && span.start > latestStart) latestStart = span.start;
    }
    numbers[0] = latestStart;
    const args = ['admit', momentOf(now), recordOf(reservation), JSON.stringify(numbers)];
    const reply = listOf(await this.#run(this.#keys(reservation, ops), args));
    const [outcome] = reply;
    const at = now ?? timeOf(reply, ops.length + 1);
    if (outcome === 'stale') return { admitted: outcome, values: [], now: at };
    const values = ops.map((op, i) => {
      const before = counterOf(reply[i + 1]);
      return outcome === 'admitted' ? raised(op, before, at) : before;
    });
    return { admitted: outcome !== 'denied', values, now: at };
  }

  async settle(
    reservation: StoredReservation,
    ops: readonly SettleOp[],
    certain: boolean,
    now?: number,
  ): Promise<void> {
    const numbers: (number | null)[] = [];
    for (const { reserved, used, span } of ops) {
      numbers.push(finite(reserved), finite(used), span?.start ?? null, endOf(span));
    }
    await this.#deliver(this.#keys(reservation, ops), [
      'settle',
      momentOf(now),
      recordOf(reservation),
      certain ? '1' : '0',
      JSON.stringify(numbers),
    ]);
  }

  async read(keys: readonly string[], now?: number): Promise<Reading> {
    // A script without a key has no place in a cluster.
    const asked = keys.length > 0 ? keys.map((key) => this.#counter(key)) : [`${this.#prefix}none`];
    const reply = listOf(await this.#run(asked, ['read', momentOf(now)]));
    return { values: keys.map((_, i) => counterOf(reply[i])), now: now ?? timeOf(reply, asked.length) };
  }

  async delete(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#run(
      keys.map((key) => this.#counter(key)),
      ['delete', ''],
    );
  }

  async reservations(key: string, now?: number): Promise<StoredReservation[]> {
    const records = listOf(await this.#run([this.#open(key)], ['reservations', momentOf(now)]));
    return records.map((record) => reservationOf(key, String(record)));
  }

  async note(name: string, text: string): Promise<void> {
    await this.#deliver([this.#note(name)], ['note', '', text]);
  }

  async noted(name: string): Promise<string | undefined> {
    const text = await this.#deliver([this.#note(name)], ['noted', '']);
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

  /** Runs what no caller waits for: that does not open again what the app has closed, and so keeps no process alive. */
  #deliver(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    if (this.#client.isClosed()) throw new Error('the connection to the server was closed by the app');
    return this.#run(keys, args);
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
}

/** Empty: the server's own clock. */
function momentOf(now: number | undefined): string {
  return now === undefined ? '' : String(now);
}

/** Null: it moves. */
function endOf(span: Span | undefined): number | null {
  return span === undefined ? null : finite(span.end);
}

function listOf(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw new Error('the script of the budget gave another answer than it should');
}

function counterOf(text: unknown): number | undefined {
  return text === null ? undefined : numberOf(text);
}

/** Unix milliseconds of the server's own clock, whose seconds and microseconds are there in a reply. */
function timeOf(reply: readonly unknown[], at: number): number {
  return numberOf(reply[at]) * 1_000 + numberOf(reply[at + 1]) / 1_000;
}

function numberOf(text: unknown): number {
  const value = typeof text === 'string' ? Number(text) : Number.NaN;
  if (isFiniteNumber(value)) return value;
  throw new Error('the script of the budget gave an answer that is no number');
}
