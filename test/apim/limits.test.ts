import { type ApimOptions, limitsFromApim } from 'governed-openai/apim';
import { describe, expect, test } from 'vitest';
import { Budget, type Limit } from '../../src/index.ts';
import { chatCall } from './calls.ts';

const KEY = 'counter-key="all"';

/** The only limit of a policy. */
function limitOf(xml: string, options?: ApimOptions): Limit {
  const limits = limitsFromApim(xml, options);
  expect(limits).toHaveLength(1);
  return limits[0] as Limit;
}

function keyOf({ key }: Limit, attributes: Record<string, string> = {}): string | undefined {
  return typeof key === 'function' ? key(chatCall({}, attributes)) : key;
}

describe('token limits', () => {
  test.each<[attributes: string, limits: object[]]>([
    ['tokens-per-minute="500"', [{ tokens: 500, per: 'minute', window: 'rolling', key: 'all' }]],
    ['tokens-per-minute="@(50 * 10)"', [{ tokens: 500, per: 'minute', window: 'rolling', key: 'all' }]],
    ...(
      [
        ['Hourly', 'hour'],
        ['Daily', 'day'],
        ['Weekly', 'week'],
        ['Monthly', 'month'],
        ['Yearly', 'year'],
      ] as const
    ).map(([period, per]): [string, object[]] => [
      `token-quota="9000" token-quota-period="${period}"`,
      [{ tokens: 9_000, per, window: 'fixed', key: 'all' }],
    ]),
    [
      'tokens-per-minute="500" token-quota="9000" token-quota-period="Daily" estimate-prompt-tokens="false"',
      [
        { tokens: 500, per: 'minute', window: 'rolling', key: 'all' },
        { tokens: 9_000, per: 'day', window: 'fixed', key: 'all' },
      ],
    ],
    [
      `tokens-per-minute="5" retry-after-header-name="x-retry" remaining-tokens-header-name="x-left"
       tokens-consumed-header-name="x-used" retry-after-variable-name="a" remaining-tokens-variable-name="b"
       tokens-consumed-variable-name="c" id="limit"`,
      [
        {
          tokens: 5,
          per: 'minute',
          window: 'rolling',
          key: 'all',
          headers: { retryAfter: 'x-retry', remaining: 'x-left', consumed: 'x-used' },
        },
      ],
    ],
    [
      `tokens-per-minute="5" token-quota="9" token-quota-period="Daily" retry-after-header-name="x-retry"
       remaining-quota-tokens-header-name="x-quota" remaining-quota-tokens-variable-name="d"
       tokens-consumed-header-name="x-used"`,
      [
        {
          tokens: 5,
          per: 'minute',
          window: 'rolling',
          key: 'all',
          headers: { retryAfter: 'x-retry', consumed: 'x-used' },
        },
        {
          tokens: 9,
          per: 'day',
          window: 'fixed',
          key: 'all',
          headers: { retryAfter: 'x-retry', remaining: 'x-quota' },
        },
      ],
    ],
  ])('%s', (attributes, limits) => {
    for (const name of ['azure-openai-token-limit', 'llm-token-limit']) {
      expect(limitsFromApim(`<${name} ${KEY} ${attributes} />`)).toEqual(limits);
    }
  });
});

describe('limits of calls', () => {
  const always = expect.any(Function);
  test.each<[xml: string, limit: object]>([
    [
      `<rate-limit-by-key calls="10" renewal-period="90" ${KEY} />`,
      { requests: 10, per: { seconds: 90 }, window: 'rolling', key: 'all', countIf: always },
    ],
    [
      `<rate-limit-by-key calls="@(5 * 2)" renewal-period="@(300)" ${KEY} total-calls-header-name="x-max"
        remaining-calls-header-name="x-left" retry-after-header-name="x-retry" remaining-calls-variable-name="a"
        retry-after-variable-name="b" />`,
      {
        requests: 10,
        per: { seconds: 300 },
        window: 'rolling',
        key: 'all',
        countIf: always,
        headers: { max: 'x-max', remaining: 'x-left', retryAfter: 'x-retry' },
      },
    ],
    [
      `<quota-by-key calls="40" renewal-period="3600" ${KEY} />`,
      {
        requests: 40,
        per: { seconds: 3_600 },
        window: 'fixed',
        startsAt: '0001-01-01T00:00:00Z',
        key: 'all',
        countIf: always,
      },
    ],
    [
      `<quota-by-key calls="40" renewal-period="604800" first-period-start="2026-01-05T06:00:00Z" ${KEY} />`,
      {
        requests: 40,
        per: { seconds: 604_800 },
        window: 'fixed',
        startsAt: '2026-01-05T06:00:00Z',
        key: 'all',
        countIf: always,
      },
    ],
    [
      `<quota-by-key calls="40" renewal-period="0" ${KEY} />`,
      { requests: 40, per: 'forever', window: 'fixed', key: 'all', countIf: always },
    ],
    [
      '<rate-limit calls="20" renewal-period="90" remaining-calls-variable-name="left"/>',
      { requests: 20, per: { seconds: 90 }, window: 'rolling', key: always, countIf: always },
    ],
    [
      '<quota calls="10000" renewal-period="3600" />',
      {
        requests: 10_000,
        per: { seconds: 3_600 },
        window: 'fixed',
        startsAt: '0001-01-01T00:00:00Z',
        key: always,
        countIf: always,
      },
    ],
  ])('%s', (xml, limit) => {
    expect(limitOf(xml)).toEqual(limit);
    expect(() => new Budget({ limits: [limitOf(xml)] })).not.toThrow();
  });

  test('the periods of a quota of subscriptions start where the options say', () => {
    const quotaStartsAt = new Date('2026-02-03T00:00:00Z');
    expect(limitOf('<quota calls="1" renewal-period="3600" />', { quotaStartsAt })).toMatchObject({
      startsAt: quotaStartsAt,
    });
  });

  test('which calls count, and how many times', () => {
    const { count, countIf } = limitOf(
      `<quota-by-key calls="9" renewal-period="0" ${KEY} increment-count="@((int)context.Request.Body.As<JObject>()["n"])"
        increment-condition="@(context.Response.StatusCode >= 200 && context.Response.StatusCode < 400)" />`,
    );
    expect(count?.(chatCall({ n: 3 }))).toBe(3);
    expect([200, 399, 400, 199, undefined].map((status) => countIf?.({ status, usage: undefined }))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test('without a condition every call counts, also one that fails', () => {
    const { countIf, count } = limitOf(`<rate-limit-by-key calls="1" renewal-period="1" ${KEY} />`);
    expect(countIf?.({ status: 500, usage: undefined })).toBe(true);
    expect(countIf?.({ status: undefined, usage: undefined })).toBe(true);
    expect(count).toBeUndefined();
  });
});

describe('the counter key', () => {
  test.each<[key: string, counted: string | undefined, unknown: string | undefined]>([
    ['shared', 'shared', 'shared'],
    ['@(context.Subscription.Id)', 'sub-1', undefined],
    ['@(context.Request.IpAddress)', '10.0.0.1', undefined],
    ['@(context.User?.Id)', 'ann', undefined],
    ['@(context.Request.Headers.GetValueOrDefault("x-team","none"))', 'blue', 'none'],
    ['@(context.Request.Headers.GetValueOrDefault("Rate-Key",""))', undefined, undefined],
    ['@(context.Subscription?.Id ?? context.Request.IpAddress)', 'sub-1', undefined],
    ['@(context.Subscription.Id + "tpm")', 'sub-1tpm', undefined],
    ['@(context.Subscription.Id + &quot;-&quot; + context.User.Id)', 'sub-1-ann', undefined],
  ])('%s', (key, counted, unknown) => {
    const limit = limitOf(`<llm-token-limit tokens-per-minute="1" counter-key='${key}' />`);
    const attributes = { subscriptionId: 'sub-1', ipAddress: '10.0.0.1', userId: 'ann', 'X-Team': 'blue' };
    expect(keyOf(limit, attributes)).toBe(counted);
    expect(keyOf(limit)).toBe(unknown);
  });

  test('of rate-limit and quota is the subscription', () => {
    for (const xml of ['<rate-limit calls="1" renewal-period="1"/>', '<quota calls="1" renewal-period="0"/>'])
      expect(keyOf(limitOf(xml), { subscriptionId: 'sub-1' })).toBe('sub-1');
  });
});

describe('limits of an API and its operations', () => {
  const POLICY = `
    <rate-limit calls="20" renewal-period="90">
      <api name="OpenAI" calls="10" renewal-period="60">
        <operation id="ChatCompletions_Create" calls="5" renewal-period="30" />
        <operation name="createImage" calls="1" renewal-period="30" />
      </api>
      <api id="other-api" calls="1" renewal-period="1" />
    </rate-limit>`;

  test('each counts on its own; those of other APIs do not count', () => {
    expect(limitsFromApim(POLICY, { api: 'OpenAI' })).toMatchObject([
      { requests: 20, per: { seconds: 90 } },
      { requests: 10, per: { seconds: 60 } },
      { requests: 5, per: { seconds: 30 }, endpoints: ['/chat/completions'] },
      { requests: 1, per: { seconds: 30 }, endpoints: ['/images/generations'] },
    ]);
  });

  test('an API may have limits of its operations alone', () => {
    const xml = POLICY.replace('calls="10" renewal-period="60"', '');
    expect(limitsFromApim(xml, { api: 'OpenAI' }).map(({ requests }) => requests)).toEqual([20, 5, 1]);
  });

  test('a quota has them, too', () => {
    const quota = '<quota calls="9" renewal-period="0"><api id="a" calls="3" renewal-period="300" /></quota>';
    expect(limitsFromApim(quota, { api: 'a' })).toMatchObject([
      { requests: 9, per: 'forever' },
      { requests: 3, per: { seconds: 300 } },
    ]);
  });

  test.each<[xml: string, api: string | undefined, line: number, what: RegExp]>([
    [POLICY, undefined, 3, /name the API that the client calls by the option api/],
    [
      POLICY.replace('createImage', 'listModels'),
      'OpenAI',
      5,
      /no endpoint is known for the operation "listModels"/,
    ],
    [POLICY.replace('name="OpenAI" ', ''), 'OpenAI', 3, /id or name is missing/],
    [
      POLICY.replace('calls="10" renewal-period="60"', 'bandwidth="9"'),
      'OpenAI',
      3,
      /bandwidth is not known/,
    ],
    [POLICY.replaceAll('operation', 'method'), 'OpenAI', 4, /only <operation> elements/],
    [
      POLICY.replaceAll('<api', '<product').replaceAll('/api', '/product'),
      'OpenAI',
      3,
      /only <api> elements/,
    ],
  ])('what names none that is known is an error %#', (xml, api, line, what) => {
    expect(() => limitsFromApim(xml, { api })).toThrow(
      expect.objectContaining({ name: 'PolicyImportError', line, what: expect.stringMatching(what) }),
    );
  });
});

describe('what cannot be honoured is an error with its line', () => {
  const cases: [xml: string, what: RegExp][] = [
    ['<llm-token-limit tokens-per-minute="1" />', /counter-key is missing/],
    ['<llm-token-limit tokens-per-minute="1" counter-key="" />', /expected a key, got ""/],
    [`<llm-token-limit ${KEY} />`, /tokens-per-minute is missing/],
    [`<llm-token-limit ${KEY} token-quota="1" />`, /token-quota-period is missing/],
    [`<llm-token-limit ${KEY} token-quota-period="Daily" />`, /token-quota is missing/],
    [
      `<llm-token-limit ${KEY} token-quota="1" token-quota-period="daily" />`,
      /expected Hourly or Daily or Weekly or Monthly or Yearly, got "daily"/,
    ],
    [`<llm-token-limit ${KEY} tokens-per-minute="0" />`, /a whole number, 1 or more, got "0"/],
    [`<llm-token-limit ${KEY} tokens-per-minute="1.5" />`, /a whole number/],
    [`<llm-token-limit ${KEY} tokens-per-minute="many" />`, /a whole number, 1 or more, got "many"/],
    [`<llm-token-limit ${KEY} tokens-per-minute="{{tpm}}" />`, /a named value/],
    [
      `<llm-token-limit ${KEY} tokens-per-minute="@(context.Product.Name == "gold" ? 9 : 1)" />`,
      /expected a constant/,
    ],
    [
      `<llm-token-limit ${KEY} tokens-per-minute="1" estimate-prompt-tokens="yes" />`,
      /true or false, got "yes"/,
    ],
    [`<llm-token-limit ${KEY} tokens-per-minute="1" calls="3" />`, /the attribute calls is not known/],
    [
      `<llm-token-limit ${KEY} tokens-per-minute="1" retry-after-header-name="a b" />`,
      /name of an HTTP header/,
    ],
    [
      `<llm-token-limit ${KEY} tokens-per-minute="1" retry-after-header-name="@("a")" />`,
      /an expression is not allowed/,
    ],
    [`<llm-token-limit ${KEY} tokens-per-minute="1"><x/></llm-token-limit>`, /nothing is expected/],
    [`<llm-token-limit ${KEY} tokens-per-minute="1">x</llm-token-limit>`, /nothing is expected/],
    [
      `<llm-token-limit tokens-per-minute="1" counter-key="@(context.RequestId)" />`,
      /context\.RequestId is not/,
    ],
    [`<rate-limit-by-key renewal-period="1" ${KEY} />`, /calls is missing/],
    [`<rate-limit-by-key calls="1" ${KEY} />`, /renewal-period is missing/],
    [`<rate-limit-by-key calls="1" renewal-period="301" ${KEY} />`, /1 to 300, got "301"/],
    ['<rate-limit-by-key calls="1" renewal-period="60" counter-key="" />', /expected a key, got ""/],
    [
      `<rate-limit-by-key calls="1" renewal-period="1" ${KEY} increment-condition="@(context.Request.Method == "GET")" />`,
      /the request cannot be read/,
    ],
    [
      `<rate-limit-by-key calls="1" renewal-period="1" ${KEY} increment-condition="maybe" />`,
      /expected a condition, got "maybe"/,
    ],
    [
      `<rate-limit-by-key calls="1" renewal-period="1" ${KEY} increment-count="@(context.Response.StatusCode)" />`,
      /the response cannot be read/,
    ],
    [
      `<rate-limit-by-key calls="1" renewal-period="1" ${KEY} increment-count="some" />`,
      /increment-count: expected a whole number, 0 or more, got "some"/,
    ],
    [`<quota-by-key calls="1" bandwidth="40000" renewal-period="3600" ${KEY} />`, /bandwidth: kilobytes/],
    [`<quota-by-key bandwidth="40000" renewal-period="3600" ${KEY} />`, /bandwidth: kilobytes/],
    [`<quota-by-key calls="1" renewal-period="299" ${KEY} />`, /0 or 300 seconds or more, got 299/],
    [
      `<quota-by-key calls="1" renewal-period="300" first-period-start="today" ${KEY} />`,
      /expected a moment/,
    ],
    [
      `<quota-by-key calls="1" renewal-period="300" first-period-start="2026-13-01T00:00:00Z" ${KEY} />`,
      /moment/,
    ],
    ['<quota calls="1" renewal-period="3600" counter-key="x" />', /the attribute counter-key is not known/],
    ['<set-backend-service backend-id="x" />', /<set-backend-service> cannot be honoured/],
    ['<forward-request timeout="5" />', /<forward-request> cannot be honoured/],
    ['<include-fragment fragment-id="x" />', /<include-fragment> cannot be honoured/],
    ['<choose />', /expected a <when>/],
    ['<choose><otherwise /></choose>', /expected <when> elements/],
    ['<choose><when /></choose>', /condition is missing/],
    [
      '<choose><when condition="true" /><otherwise /><when condition="true" /></choose>',
      /expected <when> elements/,
    ],
    ['<choose><when condition="true">text</when></choose>', /got a text/],
    ['<set-variable value="x" />', /name is missing/],
    ['<set-variable name="x" valu="x" />', /the attribute valu is not known/],
  ];

  test.each(cases)('%s', (xml, what) => {
    const error = expect.objectContaining({
      name: 'PolicyImportError',
      line: 4,
      element: expect.any(String),
      what: expect.stringMatching(what),
    });
    expect(() => limitsFromApim(`<policies>\n<inbound>\n<base />\n${xml}</inbound></policies>`)).toThrow(
      error,
    );
  });

  test('its column is that of the attribute, or of the part of an expression', () => {
    const xml = `<llm-token-limit
      tokens-per-minute="1"
      counter-key="@(context.Subscription.Id +
        DateTime.UtcNow)" />`;
    expect(() => limitsFromApim(xml)).toThrow(
      expect.objectContaining({
        line: 4,
        column: 9,
        message: 'line 4, column 9, llm-token-limit: "DateTime" is not understood',
      }),
    );
  });

  test.each([
    [null, {}, 'xml'],
    ['<base />', { ignore: 'x' }, 'options.ignore'],
    ['<base />', { ignore: [1] }, 'options.ignore'],
    ['<base />', { api: '' }, 'options.api'],
    ['<base />', { quotaStartsAt: 'soon' }, 'options.quotaStartsAt'],
    ['<base />', { ignored: [] }, 'options'],
  ])('a wrong argument is an error of an option: %j %j', (xml, options, option) => {
    expect(() => limitsFromApim(xml as string, options as ApimOptions)).toThrow(
      expect.objectContaining({ name: 'BudgetOptionError', option }),
    );
  });
});
