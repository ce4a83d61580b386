import type KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import Keyv6 from 'keyv6';
import type { OpenAI } from 'openai';
import { describe, expectTypeOf, test } from 'vitest';
import type {
  BudgetEvent,
  BudgetEvents,
  BudgetOptions,
  BudgetStoreError,
  Call,
  Caller,
  CompletionMode,
  CounterKey,
  EstimateParts,
  ExceededReason,
  Explanation,
  Fetch,
  FileStore,
  Limit,
  LimitPreview,
  LimitUsage,
  OpenReservationInfo,
  Period,
  Price,
  Prices,
  QuotaExceeded,
  Reservation,
  ReservationEvent,
  ReserveRequest,
  SettlementSource,
  Unit,
  Usage,
  UsageInput,
} from '../../src/index.ts';
import { Budget, fileStore, governFetch } from '../../src/index.ts';

/** Type-checks what it does, and never does it. */
const never = (_unused: (budget: Budget) => unknown) => undefined;

describe('a limit', () => {
  test('has exactly one unit', () => {
    expectTypeOf<{ tokens: 1; per: 'minute' }>().toExtend<Limit>();
    expectTypeOf<{ cost: 1; per: { seconds: 5 }; name: 'x' }>().toExtend<Limit>();
    expectTypeOf<{ per: 'minute' }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1; cost: 1; per: 'minute' }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1; promptTokens: 1; per: 'minute' }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: '1'; per: 'minute' }>().not.toExtend<Limit>();
    expectTypeOf<Unit>().toEqualTypeOf<
      'requests' | 'tokens' | 'promptTokens' | 'completionTokens' | 'images' | 'cost'
    >();
  });

  test('holds for a known period', () => {
    expectTypeOf<{ tokens: 1; per: 'forever' }>().toExtend<Limit>();
    expectTypeOf<{ tokens: 1 }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: 'minutes' }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: 60 }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: { minutes: 1 } }>().not.toExtend<Limit>();
    expectTypeOf<'day' | { seconds: number }>().toExtend<Period>();
  });

  test('takes no value that is not known', () => {
    expectTypeOf<{ tokens: 1; per: 'day'; window: 'rolling' | 'fixed' }>().toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: 'day'; window: 'sliding' }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: 'day'; onExceeded: 'reject' | 'allow' }>().toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: 'day'; onExceeded: 'ignore' }>().not.toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: 'day'; models: readonly string[] }>().toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: 'day'; key: (call: Call) => string }>().toExtend<Limit>();
    expectTypeOf<{ tokens: 1; per: 'day'; key: () => number }>().not.toExtend<Limit>();
  });

  test('has no other name', () => {
    // @ts-expect-error a misspelt name
    const limit: Limit = { tokens: 1, per: 'minute', burts: 5 };
    // @ts-expect-error a misspelt unit
    const other: Limit = { token: 1, per: 'minute' };
    expectTypeOf([limit, other]).toEqualTypeOf<Limit[]>();
  });

  test('may be written as a constant', () => {
    const limits = [
      { tokens: 100_000, per: 'minute' },
      { cost: 25, per: 'month', name: 'spend', key: ({ caller }) => caller.plan ?? 'free' },
    ] as const satisfies BudgetOptions['limits'];
    expectTypeOf(limits).toExtend<BudgetOptions['limits']>();
  });
});

describe('the options of a budget', () => {
  test('have no other names and no other values', () => {
    never(() => [
      // @ts-expect-error a misspelt name
      new Budget({ limit: [] }),
      // @ts-expect-error no list
      new Budget({ limits: { tokens: 1, per: 'day' } }),
      // @ts-expect-error no such mode
      new Budget({ completion: 'maximum' }),
      // @ts-expect-error a misspelt name
      new Budget({ completion: { expected: { quantil: 0.9 } } }),
      // @ts-expect-error no such word
      new Budget({ ungoverned: 'ignore' }),
      // @ts-expect-error no such word
      new Budget({ onStoreError: 'throw' }),
      // @ts-expect-error no number
      new Budget({ storeTimeout: '2s' }),
      // @ts-expect-error min is missing
      new Budget({ fitToBudget: {} }),
      // @ts-expect-error no such part of a price
      new Budget({ prices: { 'my-model': { prompt: 1 } } }),
      // @ts-expect-error a URL is no store
      new Budget({ store: 'redis://localhost' }),
      // @ts-expect-error a clock tells milliseconds
      new Budget({ clock: () => new Date() }),
    ]);
  });

  test('take a Keyv instance of either version as it is', () => {
    expectTypeOf<Keyv>().toExtend<NonNullable<BudgetOptions['store']>>();
    expectTypeOf<Keyv6>().toExtend<NonNullable<BudgetOptions['store']>>();
    expectTypeOf<Map<string, string>>().not.toExtend<NonNullable<BudgetOptions['store']>>();
    never(() => [new Budget({ store: new Keyv(fileStore('x')) }), new Keyv6({ store: fileStore('x') })]);
    never(() => new Budget({ store: new Keyv({} as KeyvRedis<string>) }));
  });

  test('tell a function what it gets', () => {
    never(() => new Budget({ key: (call) => expectTypeOf(call).toEqualTypeOf<Call>() && call.model }));
    never(() => new Budget({ completion: (call) => expectTypeOf(call).toEqualTypeOf<Call>() && 10 }));
    expectTypeOf<Extract<CounterKey, string>>().toEqualTypeOf<string>();
    expectTypeOf<Extract<CompletionMode, string>>().toEqualTypeOf<'expected' | 'max' | 'none'>();
    expectTypeOf<Price[keyof Price]>().toExtend<number | undefined>();
    expectTypeOf<{ a: { input: 1 }; b: 'gpt-4o' }>().toExtend<Prices>();
  });
});

describe('events', () => {
  test('have names and payloads', () => {
    never((budget) => {
      budget
        .on('admitted', (event) => expectTypeOf(event.exceeded).toEqualTypeOf<readonly string[]>())
        .on('denied', ({ error, estimate }) => {
          expectTypeOf(error).toEqualTypeOf<QuotaExceeded>();
          expectTypeOf(estimate).toEqualTypeOf<Usage>();
        })
        .on('settled', ({ id, key, plan, usage, source }) => {
          expectTypeOf({ id, key }).toEqualTypeOf<{ id: string; key: string }>();
          expectTypeOf(plan).toEqualTypeOf<string | undefined>();
          expectTypeOf(usage).toEqualTypeOf<Usage>();
          expectTypeOf(source).toEqualTypeOf<SettlementSource>();
        })
        .on('refunded', (event) => expectTypeOf(event).toEqualTypeOf<ReservationEvent>())
        .on('warning', (event) =>
          expectTypeOf(event).toEqualTypeOf<LimitUsage & { readonly share: number }>(),
        )
        .on('storeError', (error) => expectTypeOf(error).toEqualTypeOf<BudgetStoreError>());
      // @ts-expect-error no such event
      budget.on('settle', () => undefined);
      // @ts-expect-error a refund has no usage
      budget.on('refunded', ({ usage }) => usage);
      // @ts-expect-error no such event
      budget.off('error', () => undefined);
    });
    type Names = 'admitted' | 'denied' | 'settled' | 'refunded' | 'warning' | 'storeError';
    expectTypeOf<BudgetEvent>().toEqualTypeOf<Names>();
    expectTypeOf<keyof BudgetEvents>().toEqualTypeOf<BudgetEvent>();
    expectTypeOf<SettlementSource>().toEqualTypeOf<'reported' | 'counted' | 'estimated' | 'given'>();
  });
});

describe('what a budget answers', () => {
  test('has exported types', () => {
    expectTypeOf<Usage>().toEqualTypeOf<Record<Unit, number>>();
    expectTypeOf<UsageInput>().toEqualTypeOf<{ readonly [U in Unit]?: number | undefined }>();
    expectTypeOf<Parameters<Budget['reserve']>>().toEqualTypeOf<[request: ReserveRequest]>();
    expectTypeOf<Parameters<Budget['estimate']>[2]>().toEqualTypeOf<Caller | undefined>();
    never((budget) => {
      expectTypeOf(budget.usage()).toEqualTypeOf<Promise<LimitUsage[]>>();
      expectTypeOf(budget.estimate('/x', {})).toEqualTypeOf<Promise<Usage>>();
      expectTypeOf(budget.explain('/x', {})).toEqualTypeOf<Promise<Explanation>>();
      expectTypeOf(budget.reserve({ usage: { tokens: 1 } })).toEqualTypeOf<Promise<Reservation>>();
      expectTypeOf(budget.reservations()).toEqualTypeOf<Promise<OpenReservationInfo[]>>();
      expectTypeOf(budget.flush({ timeout: 1 })).toEqualTypeOf<Promise<void>>();
      // @ts-expect-error no such unit
      const wrong = budget.reserve({ usage: { token: 1 } });
      return wrong;
    });
    expectTypeOf<Explanation['parts']>().toEqualTypeOf<EstimateParts>();
    expectTypeOf<Explanation['limits']>().toEqualTypeOf<readonly LimitPreview[]>();
  });

  test('an error tells numbers, and no number where there is none', () => {
    expectTypeOf<QuotaExceeded['unit']>().toEqualTypeOf<Unit>();
    expectTypeOf<QuotaExceeded['retryAfterMs']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<QuotaExceeded['resetAt']>().toEqualTypeOf<Date | undefined>();
    expectTypeOf<QuotaExceeded['reason']>().toEqualTypeOf<ExceededReason>();
    expectTypeOf<ExceededReason>().toEqualTypeOf<'rate' | 'quota' | 'too_large'>();
  });
});

describe('governFetch()', () => {
  test('is a fetch where one is asked for', () => {
    expectTypeOf<Fetch>().toExtend<typeof globalThis.fetch>();
    expectTypeOf(governFetch).returns.toEqualTypeOf<Fetch>();
    expectTypeOf(governFetch).returns.toExtend<
      NonNullable<NonNullable<ConstructorParameters<typeof OpenAI>[0]>['fetch']>
    >();
  });

  test('takes what is one', () => {
    expectTypeOf(governFetch).toBeCallableWith(globalThis.fetch, {});
    expectTypeOf(governFetch).toBeCallableWith(async () => new Response(), new Budget(), { key: 'user' });
    // @ts-expect-error a response must come
    never(() => governFetch(async () => 'x', {}));
    // @ts-expect-error no budget
    never(() => governFetch(globalThis.fetch));
    expectTypeOf(fileStore).returns.toEqualTypeOf<FileStore>();
  });
});
