import fc from 'fast-check';
import { wso2Plans } from 'governed-openai/plans';
import { PolicyImportError, plansFromWso2, type Wso2Options } from 'governed-openai/wso2';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { Budget, GovernedOpenAI } from '../../src/index.ts';
import { ManualClock } from '../support/clock.ts';
import { chatCompletion, chatUsage, json, mockUpstream } from '../support/upstream.ts';

/** As `apictl export policy rate-limiting -n AIGold` writes it. */
const AI_GOLD = `type: throttling policy
subtype: subscription policy
version: v4.5.0
data:
  policyId: 15797f4c-3742-4909-920c-13f164fd2b1c
  policyName: AIGold
  displayName: AIGold
  description: Allows 500 requests and 50000 tokens per minute
  isDeployed: true
  type: SubscriptionThrottlePolicy
  graphQLMaxComplexity: 0
  graphQLMaxDepth: 0
  defaultLimit:
    type: AIAPIQUOTALIMIT
    requestCount: null
    bandwidth: null
    eventCount: null
    aiApiQuota:
      timeUnit: min
      unitTime: 1
      requestCount: 500
      totalTokenCount: 50000
      promptTokenCount: null
      completionTokenCount: 0
  monetization: null
  rateLimitCount: 0
  rateLimitTimeUnit: null
  subscriberCount: 0
  customAttributes: []
  stopOnQuotaReach: true
  billingPlan: FREE
  permissions: null
`;

const QUOTA = { timeUnit: 'min', unitTime: 1, requestCount: 5 };
const POLICY = { policyName: 'P', defaultLimit: { type: 'REQUESTCOUNTLIMIT', requestCount: QUOTA } };

/** The plan of a policy with other fields. */
function planWith(fields: object, options?: Wso2Options) {
  return plansFromWso2(JSON.stringify({ ...POLICY, ...fields }), options)['P'];
}

const aiQuota = (quota: object) => ({
  defaultLimit: { type: 'AIAPIQUOTALIMIT', aiApiQuota: { timeUnit: 'min', unitTime: 1, ...quota } },
});

describe('an exported policy', () => {
  test('of the gateway is the plan of the same name', () => {
    expect(plansFromWso2(AI_GOLD)).toEqual({ AIGold: wso2Plans.AIGold });
  });

  const bare = { ...POLICY, stopOnQuotaReach: true };
  const exported = {
    type: 'throttling policy',
    subtype: 'subscription policy',
    version: 'v4.5.0',
    data: { ...bare, policyName: 'Q' },
  };
  test.each<[string, text: string, names: string[]]>([
    ['JSON', JSON.stringify(exported, null, '\t'), ['Q']],
    ['YAML', stringify(exported), ['Q']],
    ['a bare policy', JSON.stringify(bare), ['P']],
    ['an array', JSON.stringify([bare, exported]), ['P', 'Q']],
    ['documents', `${stringify(bare)}---\n${stringify(exported)}---\n`, ['P', 'Q']],
    ['a list of the admin API', JSON.stringify({ count: 1, list: [bare], pagination: {} }), ['P']],
    ['an empty array', '[]', []],
  ])('may be %s', (_, text, names) => {
    const plans = plansFromWso2(text);
    expect(Object.keys(plans)).toEqual(names);
    expect(() => new Budget({ plans })).not.toThrow();
  });

  test('aliases of YAML are what they stand for', () => {
    const text = `
- &p
  policyName: P
  defaultLimit: &limit
    type: REQUESTCOUNTLIMIT
    requestCount: { timeUnit: hour, unitTime: 1, requestCount: 5 }
- policyName: Q
  defaultLimit: *limit`;
    const { P, Q } = plansFromWso2(text);
    expect(Q?.limits).toEqual(P?.limits);
  });
});

describe('fields', () => {
  const quota = (unit: string, per: string) => `quota of ${unit} per ${per}`;
  test.each<[fields: object, limits: object[]]>([
    [{}, [{ requests: 5, per: 'minute', window: 'fixed', name: quota('requests', 'minute') }]],
    [
      aiQuota({ requestCount: 9, totalTokenCount: 8, promptTokenCount: 7, completionTokenCount: 6 }),
      [
        { requests: 9, per: 'minute', window: 'fixed', name: quota('requests', 'minute') },
        { tokens: 8, per: 'minute', window: 'fixed', name: quota('tokens', 'minute') },
        { promptTokens: 7, per: 'minute', window: 'fixed', name: quota('prompt tokens', 'minute') },
        { completionTokens: 6, per: 'minute', window: 'fixed', name: quota('completion tokens', 'minute') },
      ],
    ],
    [
      aiQuota({ totalTokenCount: 8 }),
      [{ tokens: 8, per: 'minute', window: 'fixed', name: quota('tokens', 'minute') }],
    ],
    [
      { rateLimitCount: 10, rateLimitTimeUnit: 'sec' },
      [
        { requests: 5, per: 'minute', window: 'fixed', name: quota('requests', 'minute') },
        {
          requests: 10,
          per: 'second',
          window: 'rolling',
          name: 'burst of requests per second',
          onExceeded: 'reject',
        },
      ],
    ],
    ...(
      [
        ['sec', 1, 'second', 'second'],
        ['hour', 1, 'hour', 'hour'],
        ['day', 1, 'day', 'day'],
        ['week', 1, 'week', 'week'],
        ['month', 1, 'month', 'month'],
        ['year', 1, 'year', 'year'],
        ['sec', 30, { seconds: 30 }, '30 seconds'],
        ['min', 5, { seconds: 300 }, '300 seconds'],
        ['hour', 2, { seconds: 7_200 }, '7200 seconds'],
        ['day', 2, { seconds: 172_800 }, '172800 seconds'],
        ['week', 2, { seconds: 1_209_600 }, '1209600 seconds'],
      ] as const
    ).map(([timeUnit, unitTime, per, name]): [object, object[]] => [
      aiQuota({ timeUnit, unitTime, requestCount: 5 }),
      [{ requests: 5, per, window: 'fixed', name: quota('requests', name) }],
    ]),
  ])('of limits: %j', (fields, limits) => {
    expect(planWith(fields)?.limits).toEqual(limits);
  });

  test.each<[fields: object, plan: object]>([
    [{}, {}],
    [{ stopOnQuotaReach: true }, { onExceeded: 'reject' }],
    [{ stopOnQuotaReach: false }, { onExceeded: 'allow' }],
    [{ billingPlan: 'FREE' }, { billing: 'free' }],
    [{ billingPlan: 'COMMERCIAL' }, { billing: 'commercial' }],
    [{ customAttributes: [{ name: 'region', value: 'eu' }] }, { attributes: { region: 'eu' } }],
    [{ permissions: { permissionType: 'ALLOW', roles: ['dev', 'ops'] } }, { allow: ['dev', 'ops'] }],
    [{ permissions: { permissionType: 'DENY', roles: ['guest'] } }, { deny: ['guest'] }],
    [{ permissions: { permissionType: 'ALLOW', roles: ['Internal/everyone', 'dev'] } }, {}],
    [{ permissions: { permissionType: 'DENY', roles: ['Internal/everyone'] } }, { allow: [] }],
    [{ permissions: { permissionType: 'NONE', roles: [] } }, {}],
    [{ policyId: 'a', uuid: 'b', displayName: 'c', description: 'd', isDeployed: true, tenantId: -1234 }, {}],
    [{ tenantDomain: 'carbon.super', type: 'SubscriptionThrottlePolicy' }, {}],
    [{ graphQLMaxComplexity: 0, graphQLMaxDepth: null, subscriberCount: 0, monetization: null }, {}],
  ])('of plans: %j', (fields, plan) => {
    const { limits, ...rest } = planWith(fields) ?? {};
    expect(limits).toHaveLength(1);
    expect(rest).toEqual(plan);
  });

  test('can be passed over by name', () => {
    const fields = { monetization: { monetizationPlan: 'FIXEDRATE' }, graphQLMaxDepth: 7, extra: {} };
    expect(planWith(fields, { ignore: Object.keys(fields) })).toEqual(planWith({}));
    expect(() => planWith(fields, { ignore: ['monetization', 'extra'] })).toThrow(PolicyImportError);
  });
});

describe('what cannot be honoured is an error with its line', () => {
  const quota = (type: string, name: string) => ({ defaultLimit: { type, [name]: QUOTA } });
  const bandwidth = { timeUnit: 'min', unitTime: 1, dataAmount: 5, dataUnit: 'KB' };
  test.each<[fields: object, at: string, what: RegExp]>([
    [{ policyName: null }, 'policy', /policyName is missing/],
    [{ policyName: 7 }, 'policyName', /expected a text, got "7"/],
    [{ type: 'ApplicationThrottlePolicy' }, 'type', /expected SubscriptionThrottlePolicy/],
    [{ limits: 3 }, 'policy', /the field "limits" is not known/],
    [{ defaultLimit: null }, 'defaultLimit', /is missing/],
    [{ defaultLimit: 5 }, 'defaultLimit', /expected an object/],
    [{ defaultLimit: {} }, 'defaultLimit', /type is missing/],
    [{ defaultLimit: { type: 'OTHER' } }, 'defaultLimit.type', /expected AIAPIQUOTALIMIT or .*, got "OTHER"/],
    [{ defaultLimit: { type: 'AIAPIQUOTALIMIT' } }, 'defaultLimit', /aiApiQuota is missing/],
    [
      { defaultLimit: { type: 'BANDWIDTHLIMIT', bandwidth } },
      'defaultLimit.bandwidth',
      /only requests and tokens are limited/,
    ],
    [quota('EVENTCOUNTLIMIT', 'eventCount'), 'defaultLimit.eventCount', /only requests and tokens/],
    [
      { defaultLimit: { type: 'REQUESTCOUNTLIMIT', requestCount: QUOTA, bandwidth } },
      'defaultLimit.bandwidth',
      /beside type REQUESTCOUNTLIMIT/,
    ],
    [
      { defaultLimit: { type: 'REQUESTCOUNTLIMIT', requestCount: { ...QUOTA, totalTokenCount: 5 } } },
      'defaultLimit.requestCount',
      /the field "totalTokenCount" is not known/,
    ],
    [aiQuota({ timeUnit: 'minutes' }), 'defaultLimit.aiApiQuota.timeUnit', /expected sec or min or/],
    [aiQuota({ timeUnit: null }), 'defaultLimit.aiApiQuota', /timeUnit is missing/],
    [aiQuota({ unitTime: 0 }), 'defaultLimit.aiApiQuota.unitTime', />= 1/],
    [aiQuota({ unitTime: 2, timeUnit: 'month' }), 'defaultLimit.aiApiQuota.unitTime', /several months/],
    [aiQuota({ requestCount: -1 }), 'defaultLimit.aiApiQuota.requestCount', /whole number >= 0, got "-1"/],
    [aiQuota({ requestCount: [1] }), 'defaultLimit.aiApiQuota.requestCount', /whole number >= 0, got a list/],
    [{ rateLimitCount: 5 }, 'rateLimitCount', /rateLimitTimeUnit is missing/],
    [{ rateLimitCount: 5, rateLimitTimeUnit: 'fortnight' }, 'rateLimitTimeUnit', /got "fortnight"/],
    [{ stopOnQuotaReach: 'yes' }, 'stopOnQuotaReach', /expected true or false, got "yes"/],
    [{ billingPlan: 'PAID' }, 'billingPlan', /expected FREE or COMMERCIAL, got "PAID"/],
    [{ customAttributes: {} }, 'customAttributes', /expected a list/],
    [{ customAttributes: [{ name: 'a' }] }, 'customAttributes[0]', /a name and a value/],
    [{ customAttributes: [{ name: 'a', value: 1 }] }, 'customAttributes[0].value', /expected a text/],
    [{ permissions: { roles: ['a'] } }, 'permissions', /permissionType is missing/],
    [
      { permissions: { permissionType: 'SOME', roles: ['a'] } },
      'permissions.permissionType',
      /ALLOW or DENY/,
    ],
    [{ permissions: { permissionType: 'ALLOW', roles: [] } }, 'permissions', /at least one role/],
    [{ permissions: { permissionType: 'ALLOW', roles: [''] } }, 'permissions.roles[0]', /name of a role/],
    [{ graphQLMaxComplexity: 5 }, 'graphQLMaxComplexity', /name it in the option ignore/],
    [{ graphQLMaxDepth: 5 }, 'graphQLMaxDepth', /cannot be honoured/],
    [{ subscriberCount: 5 }, 'subscriberCount', /cannot be honoured/],
    [{ monetization: { monetizationPlan: 'FIXEDRATE' } }, 'monetization', /cannot be honoured/],
  ])('%j', (fields, element, what) => {
    expect(() => planWith(fields)).toThrow(
      expect.objectContaining({
        name: 'PolicyImportError',
        line: 1,
        element,
        what: expect.stringMatching(what),
      }),
    );
  });

  test.each<[text: string, line: number, column: number, element: string]>([
    [AI_GOLD.replace('billingPlan: FREE', 'billingPlan: GOLD'), 31, 16, 'data.billingPlan'],
    [
      AI_GOLD.replace('totalTokenCount: 50000', 'totalTokenCount: lots'),
      22,
      24,
      'data.defaultLimit.aiApiQuota.totalTokenCount',
    ],
    [AI_GOLD.replace('bandwidth: null', 'bandwith: null'), 16, 5, 'data.defaultLimit'],
    [AI_GOLD.replace('subscription policy', 'application policy'), 2, 10, 'subtype'],
    [AI_GOLD.replace('throttling policy', 'api policy'), 1, 7, 'type'],
    [`${AI_GOLD}---\n${AI_GOLD}`, 38, 3, 'data'],
    ['data: [', 1, 8, 'YAML'],
    ['{"a": 1,\n"a": 2}', 2, 1, 'YAML'],
    ['just a text', 1, 1, 'policy'],
    ['', 1, 1, 'policy'],
  ])('the place is that of the field %#', (text, line, column, element) => {
    expect(() => plansFromWso2(text)).toThrow(
      expect.objectContaining({ name: 'PolicyImportError', line, column, element }),
    );
  });

  test.each([
    [null, {}, 'text'],
    ['[]', { ignore: 'x' }, 'options.ignore'],
    ['[]', { ignore: [''] }, 'options.ignore'],
    ['[]', { ignored: [] }, 'options'],
  ])('a wrong argument is an error of an option: %j %j', (text, options, option) => {
    expect(() => plansFromWso2(text as string, options as Wso2Options)).toThrow(
      expect.objectContaining({ name: 'BudgetOptionError', option }),
    );
  });

  test('no random change of a file gives anything but plans or that error', () => {
    const change = fc.record({
      at: fc.nat(AI_GOLD.length),
      cut: fc.nat(30),
      text: fc.oneof(
        fc.string({ maxLength: 5 }),
        fc.constantFrom('- ', '*a', '&a ', '{', ']', '\n', '!!int ', '<<: '),
      ),
    });
    fc.assert(
      fc.property(change, ({ at, cut, text }) => {
        try {
          new Budget({ plans: plansFromWso2(AI_GOLD.slice(0, at) + text + AI_GOLD.slice(at + cut)) });
        } catch (error) {
          expect(error).toBeInstanceOf(PolicyImportError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('calls under an imported plan', async () => {
  const clock = new ManualClock();
  const { fetch } = mockUpstream(json(chatCompletion(chatUsage(9, 4))));
  const policy = {
    ...POLICY,
    stopOnQuotaReach: true,
    permissions: { permissionType: 'ALLOW', roles: ['dev'] },
  };
  const openai = new GovernedOpenAI({
    apiKey: 'sk-test',
    fetch,
    maxRetries: 0,
    budget: { clock: clock.read, plans: plansFromWso2(stringify(policy)) },
  });
  const call = (roles: string[]) =>
    openai
      .withCaller({ key: 'app-1', plan: 'P', roles })
      .chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }] });
  for (let n = 0; n < 5; n++) await call(['dev']);
  const minute = 60_000;
  await expect(call(['dev'])).rejects.toMatchObject({
    name: 'QuotaExceeded',
    plan: 'P',
    max: 5,
    retryAfterMs: minute - (clock.now % minute),
  });
  await expect(call(['guest'])).rejects.toMatchObject({ name: 'PlanDenied', status: 403 });
  clock.advance(minute);
  await call(['dev']);
});
