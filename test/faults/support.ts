import KeyvRedis from '@keyv/redis';
import KeyvValkey from '@keyv/valkey';
import Keyv from 'keyv';
import Keyv6 from 'keyv6';
import { afterEach, beforeEach, expect, onTestFinished, vi } from 'vitest';
import {
  Budget,
  type BudgetOptions,
  BudgetStoreError,
  type Limit,
  type Reservation,
} from '../../src/index.ts';
import { TcpProxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';

/** None of them drains or ends while a test runs, so that what is used is exact. */
export const LIMITS: readonly Limit[] = [
  { tokens: 1_000, per: 'forever' },
  { tokens: 1_000, per: 'year', window: 'rolling' },
  { requests: 100, per: 'forever' },
];

/** Deadline of operations in tests where it is to pass: soon, but long enough for a server that is well. */
export const SOON = 400;

/** A Keyv adapter for Redis: how it is opened, and how its connections are ended even if the server is away. */
export interface Adapter {
  readonly name: string;
  readonly open: (url: string) => { readonly keyv: Keyv | Keyv6; readonly end: () => unknown };
}

export const nodeRedis: Adapter = {
  name: '@keyv/redis',
  open(url) {
    const adapter = new KeyvRedis(url);
    return { keyv: new Keyv(adapter), end: () => adapter.disconnect(true) };
  },
};

export const valkey: Adapter = {
  name: '@keyv/valkey',
  open(url) {
    const adapter = new KeyvValkey(url);
    return { keyv: new Keyv(adapter), end: () => adapter.redis.disconnect() };
  },
};

/** Version 6 wraps the adapters that were made for 5. */
export const keyv6: Adapter = {
  name: '@keyv/redis in Keyv 6',
  open(url) {
    const adapter = new KeyvRedis(url);
    return { keyv: new Keyv6({ store: adapter as never }), end: () => adapter.disconnect(true) };
  },
};

export const ADAPTERS = [nodeRedis, valkey];

let made = 0;

/** A budget of its own key on the server at `url`, with a connection of its own until the test is over. */
export function budgetOn(url: string, options: BudgetOptions = {}, adapter = nodeRedis): Budget {
  const { keyv, end } = adapter.open(url);
  onTestFinished(async () => {
    await end();
  });
  return new Budget({ store: keyv, key: `team-${process.pid}-${++made}`, limits: LIMITS, ...options });
}

/** A server of one test. @param args more of its settings */
export async function serverOf(...args: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...args);
  onTestFinished(() => server.stop());
  return server;
}

/** A network of one test, in front of a server. */
export async function proxyTo({ port }: { port: number }): Promise<TcpProxy> {
  const proxy = await TcpProxy.to(port);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** Reserves tokens and one request. */
export function ask(budget: Budget, tokens: number, key?: string): Promise<Reservation> {
  return budget.reserve({ key, usage: { tokens, requests: 1 } });
}

/** Settles to tokens and one request. */
export function settle(reservation: Reservation, tokens: number): void {
  reservation.settle({ tokens, requests: 1 });
}

/** Undefined if the store failed. */
export function unlessStoreFails<T>(operation: Promise<T>): Promise<T | undefined> {
  return operation.catch((error: unknown) => {
    expect(error).toBeInstanceOf(BudgetStoreError);
    return undefined;
  });
}

/** The error that an operation of the budget fails with. */
export async function failureOf(operation: Promise<unknown>): Promise<BudgetStoreError> {
  const error = await operation.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BudgetStoreError);
  return error as BudgetStoreError;
}

/** The text of an error's cause. */
export function causeOf(error: unknown): string {
  return error instanceof Error ? String(error.cause) : '';
}

/** Every limit counts exactly this, for the budget's own key, and so many reservations are open. */
export async function expectCounted(
  budget: Budget,
  tokens: number,
  requests: number,
  open = 0,
  key?: string,
) {
  const used = (await budget.usage(key)).map((state) => state.used);
  expect({ used, open: (await budget.reservations(key)).length }).toEqual({
    used: [tokens, tokens, requests],
    open,
  });
}

/** Tries until it does not throw; what it waits for is an event, however long that takes on this machine. */
export function eventually<T>(attempt: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(attempt, { timeout: 25_000, interval: 20 });
}

/** Under fake timers: lets as much time pass as it takes. */
export async function drive<T>(work: Promise<T>): Promise<T> {
  let done = false;
  const finished = work.finally(() => {
    done = true;
  });
  while (!done) await Promise.race([vi.advanceTimersByTimeAsync(100), finished]);
  return finished;
}

/** Whether a client sends an operation of the script. */
export function asksFor(operation: string, sent: string): boolean {
  return sent.includes(`\r\n${operation}\r\n`);
}

/** In all tests of a file, no error may get lost: not even of a budget that nobody listens to. */
export function expectNothingUnhandled(): void {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  beforeEach(() => {
    process.on('unhandledRejection', note).on('uncaughtException', note);
  });
  afterEach(async () => {
    // Rejections are found to be unhandled once the microtasks are done.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note).off('uncaughtException', note);
    expect(unhandled.splice(0)).toEqual([]);
  });
}
