import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget } from '../src/budget.ts';
import { GovernedOpenAI } from '../src/client.ts';
import { BudgetError, BudgetOptionError } from '../src/errors.ts';

/** Builds a Budget from options that TypeScript would not let pass. */
function build(options: unknown): Budget {
  return new Budget(options as never);
}

function limit(over: object) {
  return { limits: [{ tokens: 10, per: 'minute', ...over }] };
}

interface Row {
  options: unknown;
  option: string;
  message: RegExp;
}

const rows: Row[] = [
  { options: null, option: 'budget', message: /expected an object, got null/ },
  { options: [], option: 'budget', message: /got an empty array/ },
  { options: { limit: [] }, option: 'budget', message: /"limit" — did you mean limits\?/ },
  { options: { zzz: 1 }, option: 'budget', message: /only the options .*got "zzz"$/ },
  { options: { key: '' }, option: 'budget.key', message: /not empty, got ""/ },
  { options: { key: 7 }, option: 'budget.key', message: /got 7/ },
  { options: { store: {} }, option: 'budget.store', message: /a Keyv instance, got an object/ },
  { options: { limits: {} }, option: 'budget.limits', message: /an array/ },
  { options: { limits: [7] }, option: 'budget.limits[0]', message: /an object, got 7/ },
  { options: { limits: [{ per: 'minute' }] }, option: 'budget.limits[0]', message: /exactly one unit/ },
  {
    options: limit({ cost: 1 }),
    option: 'budget.limits[0]',
    message: /exactly one unit .*got "tokens and cost"/,
  },
  { options: limit({ token: 1 }), option: 'budget.limits[0]', message: /did you mean tokens\?/ },
  { options: limit({ tokens: 0 }), option: 'budget.limits[0].tokens', message: /> 0, got 0/ },
  { options: limit({ tokens: -5 }), option: 'budget.limits[0].tokens', message: /got -5/ },
  { options: limit({ tokens: Number.NaN }), option: 'budget.limits[0].tokens', message: /got NaN/ },
  { options: limit({ tokens: Infinity }), option: 'budget.limits[0].tokens', message: /got Infinity/ },
  { options: limit({ tokens: '10' }), option: 'budget.limits[0].tokens', message: /got "10"/ },
  { options: limit({ per: undefined }), option: 'budget.limits[0].per', message: /'minute'.*got undefined/ },
  { options: limit({ per: 'minutes' }), option: 'budget.limits[0].per', message: /got "minutes"/ },
  { options: limit({ per: { seconds: 0 } }), option: 'budget.limits[0].per.seconds', message: /> 0/ },
  {
    options: limit({ per: { minutes: 2 } }),
    option: 'budget.limits[0].per',
    message: /only the options seconds/,
  },
  {
    options: limit({ window: 'sliding' }),
    option: 'budget.limits[0].window',
    message: /'rolling' or 'fixed'/,
  },
  {
    options: limit({ per: 'forever', window: 'rolling' }),
    option: 'budget.limits[0].window',
    message: /'fixed'/,
  },
  { options: limit({ burst: 0 }), option: 'budget.limits[0].burst', message: /> 0/ },
  {
    options: limit({ per: 'day', burst: 5 }),
    option: 'budget.limits[0].burst',
    message: /nothing, for a fixed window/,
  },
  {
    options: limit({ startsAt: new Date() }),
    option: 'budget.limits[0].startsAt',
    message: /for a rolling window/,
  },
  {
    options: limit({ per: 'day', startsAt: 'soon' }),
    option: 'budget.limits[0].startsAt',
    message: /ISO 8601/,
  },
  {
    options: limit({ timeZone: 'UTC' }),
    option: 'budget.limits[0].timeZone',
    message: /for a rolling window/,
  },
  {
    options: limit({ per: 'day', timeZone: 'Mars/Olympus' }),
    option: 'budget.limits[0].timeZone',
    message: /IANA/,
  },
  { options: limit({ name: 5 }), option: 'budget.limits[0].name', message: /a string/ },
  { options: limit({ models: [] }), option: 'budget.limits[0].models', message: /at least one/ },
  { options: limit({ models: [4] }), option: 'budget.limits[0].models', message: /got 4/ },
  {
    options: limit({ onExceeded: 'ignore' }),
    option: 'budget.limits[0].onExceeded',
    message: /'reject' or 'wait' or 'allow'/,
  },
  {
    options: {
      limits: [
        { tokens: 1, per: 'day', name: 'a' },
        { tokens: 2, per: 'day', name: 'a' },
      ],
    },
    option: 'budget.limits[1].name',
    message: /a name that no other limit has, got "a"/,
  },
  {
    options: { completion: 'most' },
    option: 'budget.completion',
    message: /'expected' or 'max' or 'none' or \{ expected: .* \} or a function/,
  },
  {
    options: { completion: { expected: { quantile: 1 } } },
    option: 'budget.completion.expected.quantile',
    message: /a share > 0 and < 1, got 1/,
  },
  {
    options: { completion: { expected: { perkey: true } } },
    option: 'budget.completion.expected',
    message: /did you mean perKey/,
  },
  { options: { stopAtLimit: 1 }, option: 'budget.stopAtLimit', message: /true or false, got 1/ },
  { options: { storeTimeout: 0 }, option: 'budget.storeTimeout', message: /a finite number > 0, got 0/ },
  { options: { prices: { m: 7 } }, option: 'budget.prices["m"]', message: /an object, got 7/ },
  { options: { prices: { m: { in: 1 } } }, option: 'budget.prices["m"]', message: /only the options input/ },
  { options: { prices: { m: { input: -1 } } }, option: 'budget.prices["m"].input', message: />= 0, got -1/ },
  { options: { ungoverned: 'no' }, option: 'budget.ungoverned', message: /'pass' or 'reject'/ },
  { options: { onStoreError: true }, option: 'budget.onStoreError', message: /got true/ },
  { options: { warnAt: 0.8 }, option: 'budget.warnAt', message: /an array of shares/ },
  { options: { warnAt: [80] }, option: 'budget.warnAt', message: /<= 1, got 80/ },
  { options: { clock: 12 }, option: 'budget.clock', message: /a function, got 12/ },
];

describe('a wrong option is refused at construction', () => {
  test.each(rows)('$option: $message', ({ options, option, message }) => {
    let thrown: unknown;
    try {
      build(options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BudgetOptionError);
    expect(thrown).toMatchObject({
      name: 'BudgetOptionError',
      option,
      message: expect.stringMatching(message),
    });
  });

  test('whatever is given, it is a BudgetOptionError or a Budget', () => {
    fc.assert(
      fc.property(
        fc.object({ key: fc.constantFrom('limits', 'key', 'store', 'prices', 'tokens', 'per', 'x') }),
        (options) => {
          try {
            build(options);
          } catch (error) {
            expect(error).toBeInstanceOf(BudgetError);
          }
        },
      ),
    );
  });

  test('no secret that is given in the wrong place stands in the error', () => {
    for (const wrong of [
      { store: 'redis://u:hunter2@h' },
      { key: { password: 'hunter2' } },
      { clock: 'https://x:hunter2@y' },
    ]) {
      try {
        build(wrong);
        expect.unreachable();
      } catch (error) {
        expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
      }
    }
  });

  test('a client needs a budget', () => {
    expect(() => new GovernedOpenAI({ apiKey: 'x' } as never)).toThrow(
      /budget: expected the options of a budget/,
    );
    expect(() => new GovernedOpenAI(undefined as never)).toThrow(BudgetOptionError);
    expect(() => new GovernedOpenAI({ apiKey: 'x', budget: {}, caller: { key: '' } })).toThrow(/caller.key/);
  });
});

test('undefined options are those left out', () => {
  const options = {
    store: undefined,
    key: undefined,
    limits: undefined,
    prices: undefined,
    clock: undefined,
  };
  expect(build(options)).toBeInstanceOf(Budget);
});
