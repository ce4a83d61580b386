import fc from 'fast-check';
import { type ApimOptions, limitsFromApim, PolicyImportError } from 'governed-openai/apim';
import { describe, expect, test } from 'vitest';
import { Budget, type Limit } from '../../src/index.ts';
import type { Fields } from '../../src/json.ts';
import { chatCall } from './calls.ts';

/** A limit of so many tokens. */
const tokens = (max: number, key = '@(context.Subscription.Id)') =>
  `<llm-token-limit counter-key="${key}" tokens-per-minute="${max}" estimate-prompt-tokens="true" />`;

const BODY = 'context.Request.Body.As<JObject>(preserveContent: true)';

/** The max of every limit that holds for a call. */
function holding(limits: readonly Limit[], body: Fields = {}, attributes: Record<string, string> = {}) {
  return limits
    .filter(({ when }) => when?.(chatCall(body, attributes)) ?? true)
    .map((limit) => limit.tokens ?? limit.requests);
}

describe('a document', () => {
  const DOCUMENT = `
    <!-- Limits of a product -->
    <policies>
      <inbound>
        <base />
        ${tokens(500)}
        <azure-openai-emit-token-metric namespace="openai">
          <dimension name="Client" value="@(context.Request.IpAddress)" />
        </azure-openai-emit-token-metric>
        <rate-limit-by-key calls="300" renewal-period="60" counter-key="@(context.Subscription.Key)"
          increment-condition="@(context.Response.StatusCode == 200)" remaining-calls-variable-name="perMinute" />
        <rate-limit-by-key calls="10" renewal-period="1" counter-key="@(context.Subscription.Key)"
          increment-condition="@(context.Response.StatusCode == 200)" remaining-calls-variable-name="perSecond" />
      </inbound>
      <backend><forward-request /></backend>
      <outbound><base /><trace source="x"><message>@("a < b")</message></trace></outbound>
      <on-error />
    </policies>`;

  test('gives the limits of its inbound section', () => {
    const limits = limitsFromApim(DOCUMENT);
    expect(holding(limits)).toEqual([500, 300, 10]);
    expect(() => new Budget({ limits })).not.toThrow();
  });

  test.each([
    ['one policy', tokens(1), [1]],
    ['several', `${tokens(1)}\n${tokens(2)}`, [1, 2]],
    ['a section', `<inbound>${tokens(1)}</inbound>`, [1]],
    ['a fragment', `<fragment>${tokens(1)}</fragment>`, [1]],
    ['none', '<policies><inbound><base /></inbound></policies>', []],
  ])('or a part of one: %s', (_, xml, expected) => {
    expect(holding(limitsFromApim(xml))).toEqual(expected);
  });

  test.each<[xml: string, line: number, what: RegExp]>([
    ['<policies>\n<inbounds /></policies>', 2, /<inbounds> cannot be honoured/],
    [`<policies><outbound>\n${tokens(1)}</outbound></policies>`, 2, /a limit in <outbound>/],
    ['<policies><backend>\n<retry /></backend></policies>', 2, /<retry> cannot be honoured/],
    ['<policies><inbound>text</inbound></policies>', 1, /got a text/],
  ])('what is out of place is an error: %s', (xml, line, what) => {
    expect(() => limitsFromApim(xml)).toThrow(
      expect.objectContaining({ name: 'PolicyImportError', line, what: expect.stringMatching(what) }),
    );
  });

  test('elements can be passed over by name, with all in them', () => {
    const xml = `
      <set-backend-service backend-id="openai" />
      <authentication-managed-identity resource="https://cognitiveservices.azure.com" />
      <set-header name="Authorization" exists-action="override"><value>@("Bearer " + (string)context.Variables["x"])</value></set-header>
      ${tokens(7)}`;
    const ignore = ['set-backend-service', 'authentication-managed-identity', 'set-header'];
    expect(holding(limitsFromApim(xml, { ignore }))).toEqual([7]);
    expect(() => limitsFromApim(xml, { ignore: ignore.slice(1) })).toThrow(
      expect.objectContaining({ element: 'set-backend-service', line: 2 }),
    );
    expect(limitsFromApim(xml, { ignore: [...ignore, 'llm-token-limit'] })).toEqual([]);
  });
});

describe('choose', () => {
  const MODELS = limitsFromApim(`
    <choose>
      <when condition="@(${BODY}["model"]?.ToString() == "gpt-4o")">${tokens(500)}</when>
      <when condition="@(${BODY}["model"]?.ToString().StartsWith("gpt-") == true && (bool?)${BODY}["stream"] != true)">
        ${tokens(1_000)}${tokens(9_000, 'all')}
      </when>
      <otherwise>${tokens(100)}</otherwise>
    </choose>
    ${tokens(20_000, '@(context.Product.Id)')}`);

  test.each<[body: Fields, expected: number[]]>([
    [{ model: 'gpt-4o' }, [500, 20_000]],
    [{ model: 'gpt-4o', stream: true }, [500, 20_000]],
    [{ model: 'gpt-4o-mini' }, [1_000, 9_000, 20_000]],
    [{ model: 'gpt-4o-mini', stream: true }, [100, 20_000]],
    [{ model: 'o3' }, [100, 20_000]],
    [{}, [100, 20_000]],
  ])('the first condition that holds decides: %j', (body, expected) => {
    expect(holding(MODELS, body)).toEqual(expected);
  });

  test('conditions within conditions', () => {
    const limits = limitsFromApim(`
      <choose>
        <when condition="@(context.Request.Headers.GetValueOrDefault("x-tier", "free") == "paid")">
          <choose>
            <when condition="@(${BODY}["n"] != null)">${tokens(2)}</when>
            <otherwise>${tokens(1)}</otherwise>
          </choose>
        </when>
        <otherwise>${tokens(3)}</otherwise>
      </choose>`);
    expect(holding(limits, { n: 1 }, { 'x-tier': 'paid' })).toEqual([2]);
    expect(holding(limits, {}, { 'x-tier': 'paid' })).toEqual([1]);
    expect(holding(limits, { n: 1 })).toEqual([3]);
  });

  test('a constant', () => {
    const limits = limitsFromApim(
      `<choose><when condition="false">${tokens(1)}</when><when condition="True">${tokens(2)}</when></choose>`,
    );
    expect(holding(limits)).toEqual([2]);
  });

  test('a branch without limits may have any condition, as long as it is not needed', () => {
    const xml = (otherwise: string) => `
      <choose>
        <when condition="@(DateTime.UtcNow.Hour > 8)"><trace source="x" /></when>
        <otherwise>${otherwise}</otherwise>
      </choose>`;
    expect(limitsFromApim(xml('<base />'))).toEqual([]);
    expect(() => limitsFromApim(xml(tokens(1)))).toThrow(
      expect.objectContaining({ line: 3, element: 'when', what: expect.stringContaining('DateTime') }),
    );
  });
});

describe('variables', () => {
  test('stand for what they are set to', () => {
    const limits = limitsFromApim(`
      <set-variable name="body" value="@(context.Request.Body.As<string>(preserveContent: true))" />
      <set-variable name="model" value="@(${BODY}["model"]?.ToString() ?? "none")" />
      <set-variable name="key" value="@(context.Subscription.Id + "-" + context.Variables["model"])" />
      <choose>
        <when condition="@((string)context.Variables["model"] == "gpt-4o")">
          ${tokens(5, '@((string)context.Variables["key"])')}
        </when>
      </choose>`);
    expect(holding(limits, { model: 'gpt-4o' })).toEqual([5]);
    expect(holding(limits, { model: 'o3' })).toEqual([]);
    const key = limits[0]?.key as (call: unknown) => unknown;
    expect(key(chatCall({ model: 'gpt-4o' }, { subscriptionId: 's' }))).toBe('s-gpt-4o');
  });

  test('are what the branch made them that was taken', () => {
    const variable = (value: string) => `<set-variable name="tier" value="${value}" />`;
    const limits = limitsFromApim(`
      ${variable('free')}
      <choose>
        <when condition="@(context.Product.Id == "gold")">${variable('gold')}</when>
        <when condition="@(context.Product.Id == "other")"><base /></when>
        <when condition="@(context.User.Id == "ann")">${variable(`@(context.Variables["tier"] + "-ann")`)}</when>
      </choose>
      ${tokens(1, '@(context.Variables.GetValueOrDefault<string>("tier", "none"))')}`);
    const key = limits[0]?.key as (call: unknown) => unknown;
    const keyFor = (attributes: Record<string, string>) => key(chatCall({}, attributes));
    expect(keyFor({ productId: 'gold' })).toBe('gold');
    expect(keyFor({ productId: 'other', userId: 'ann' })).toBe('free');
    expect(keyFor({ userId: 'ann' })).toBe('free-ann');
    expect(keyFor({})).toBe('free');
  });

  test('that only a branch sets are null elsewhere', () => {
    const limits = limitsFromApim(`
      <choose>
        <when condition="@(context.Product.Id == "gold")"><set-variable name="vip" value="@(true)" /></when>
        <otherwise><base /></otherwise>
      </choose>
      <choose>
        <when condition="@(context.Variables.GetValueOrDefault<bool>("vip", false))">${tokens(9)}</when>
        <otherwise>${tokens(1)}</otherwise>
      </choose>`);
    expect(holding(limits, {}, { productId: 'gold' })).toEqual([9]);
    expect(holding(limits)).toEqual([1]);
  });

  const inKey = tokens(1, '@((string)context.Variables["x"])');
  test.each<[xml: string, line: number, what: RegExp]>([
    [`\n${inKey}`, 2, /no set-variable above sets the variable "x"/],
    [`${inKey}\n<set-variable name="x" value="1" />`, 1, /no set-variable above/],
    [`<set-variable name="x"\n value="@(Guid.NewGuid())" />${inKey}`, 2, /Guid/],
    [`<set-variable name="x" />\n${inKey}`, 1, /value is missing/],
    [
      `<rate-limit calls="1" renewal-period="1"\n remaining-calls-variable-name="x" />${inKey}`,
      2,
      /the variable is read, and known to the gateway alone/,
    ],
    [tokens(1, '@((string)context.Variables.Count)'), 1, /of variables, only/],
  ])('what cannot be known of them is an error where they are read or set: %s', (xml, line, what) => {
    expect(() => limitsFromApim(xml)).toThrow(
      expect.objectContaining({ name: 'PolicyImportError', line, what: expect.stringMatching(what) }),
    );
  });

  test('those that no limit reads may be anything', () => {
    const xml = `<set-variable name="x" value="@{ foreach (var a in b) { a < 2; } return 1; }" />${tokens(1)}`;
    expect(holding(limitsFromApim(xml))).toEqual([1]);
  });
});

describe('policies of one counter key', () => {
  const calls = (key: string, count: string, rest = '') =>
    `<rate-limit-by-key calls="4" renewal-period="60" counter-key="${key}" increment-count="${count}" ${rest} />`;

  test('that say the same count on one counter, once for each call', () => {
    const limits = limitsFromApim(
      `<choose>
        <when condition="@(${BODY}["n"] != null)">${calls('@(context.User.Id)', `@((int)${BODY}["n"])`)}</when>
        <otherwise>${calls('@( context.User.Id )', '1')}</otherwise>
      </choose>`,
    );
    expect(limits).toHaveLength(1);
    expect(limits[0]?.count?.(chatCall({ n: 3 }))).toBe(3);
    expect(limits[0]?.count?.(chatCall())).toBe(1);
    expect(limits[0]?.when?.(chatCall())).toBe(true);
  });

  test('hold always if one of them does', () => {
    const limits = limitsFromApim(
      `${calls('k', '1')}<choose><when condition="@(${BODY}["n"] != null)">${calls('k', '2')}</when></choose>`,
    );
    expect(limits).toHaveLength(1);
    expect(limits[0]?.when).toBeUndefined();
  });

  test.each([
    ['another key', calls('a', '1') + calls('b', '1')],
    ['another max', calls('a', '1') + calls('a', '1').replace('"4"', '"5"')],
    ['another period', calls('a', '1') + calls('a', '1').replace('60', '61')],
    ['another header', calls('a', '1') + calls('a', '1', 'total-calls-header-name="x"')],
    [
      'another condition',
      calls('a', '1') + calls('a', '1', 'increment-condition="@(context.Response.StatusCode == 200)"'),
    ],
  ])('count on counters of their own with %s', (_, xml) => {
    expect(limitsFromApim(xml)).toHaveLength(2);
  });
});

test('no random arrangement of elements gives anything but limits or the error of the import', () => {
  const piece = fc.constantFrom(
    '<policies>',
    '</policies>',
    '<inbound>',
    '</inbound>',
    '<choose>',
    '</choose>',
    '<when condition="@(context.User.Id == "x")">',
    '</when>',
    '<otherwise>',
    '</otherwise>',
    '<base />',
    '<set-variable name="x" value="@(1)" />',
    tokens(1),
    tokens(2, '@(context.Variables["x"])'),
    'text',
    '"@(',
    '\n',
  );
  const options: ApimOptions = { ignore: ['otherwise'] };
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 9, arbitrary: piece }, fc.string()), { maxLength: 12 }),
      (pieces) => {
        try {
          new Budget({ limits: limitsFromApim(pieces.join(''), options) });
        } catch (error) {
          expect(error).toBeInstanceOf(PolicyImportError);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
