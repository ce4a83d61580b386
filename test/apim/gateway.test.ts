import { limitsFromApim } from 'governed-openai/apim';
import { describe, expect, test } from 'vitest';
import { GovernedOpenAI, QuotaExceeded } from '../../src/index.ts';
import { ManualClock } from '../support/clock.ts';
import { chatCompletion, chatUsage, json, mockUpstream } from '../support/upstream.ts';

/** A client whose budget is an imported policy. */
function governed(xml: string, ...answers: Parameters<typeof mockUpstream>) {
  const clock = new ManualClock();
  const upstream = mockUpstream(...answers);
  const openai = new GovernedOpenAI({
    apiKey: 'sk-test',
    fetch: upstream.fetch,
    maxRetries: 0,
    budget: { clock: clock.read, limits: limitsFromApim(xml) },
  });
  const caller = (attributes: Record<string, string>) => openai.withCaller({ attributes });
  return { openai, caller, clock, requests: upstream.requests };
}

const refusal = (call: Promise<unknown>) =>
  call.then(
    () => expect.fail('the call was admitted'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(QuotaExceeded);
      return error as QuotaExceeded;
    },
  );

describe('tokens per minute of a subscription', () => {
  const POLICY = `<azure-openai-token-limit tokens-per-minute="50" counter-key="@(context.Subscription.Id)" estimate-prompt-tokens="true" />`;
  const WEATHER = {
    model: 'gpt-4o-mini',
    messages: [
      { role: 'system' as const, content: 'you are a friendly assistant' },
      { role: 'user' as const, content: 'how is the weather in London?' },
    ],
  };

  test('are spent call by call, and come back within the minute', async () => {
    const { caller, clock, requests } = governed(POLICY, json(chatCompletion(chatUsage(22, 8))));
    const openai = caller({ subscriptionId: 'sub-1' });
    await openai.chat.completions.create(WEATHER);
    const error = await refusal(openai.chat.completions.create(WEATHER));
    expect(error).toMatchObject({
      status: 429,
      key: 'sub-1',
      max: 50,
      used: 30,
      unit: 'tokens',
      reason: 'rate',
    });
    expect(requests).toHaveLength(1);
    const wait = error.retryAfterMs ?? 0;
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThan(30_000);
    clock.advance(wait - 1);
    await refusal(openai.chat.completions.create(WEATHER));
    clock.advance(1);
    await openai.chat.completions.create(WEATHER);
    expect(requests).toHaveLength(2);
    await caller({ subscriptionId: 'sub-2' }).chat.completions.create(WEATHER);
  });

  test('are those of the budget for a caller without one', async () => {
    const { openai } = governed(POLICY, json(chatCompletion(chatUsage(22, 30))));
    await openai.chat.completions.create(WEATHER);
    expect(await refusal(openai.chat.completions.create(WEATHER))).toMatchObject({ key: 'default' });
  });
});

describe('images of an address', () => {
  const COUNTED = `<rate-limit-by-key calls="1" renewal-period="60" counter-key="@(context.Request.IpAddress)" increment-condition="@(context.Response.StatusCode == 200)" increment-count="@(int.Parse(context.Request.Body.As<JObject>()["n"].ToString()))" retry-after-header-name="x-apim-custom-retry" remaining-calls-header-name="x-apim-remaining" />`;
  const IMAGES = json({ created: 1, data: [{ b64_json: '' }] });
  const image = (n?: number) => ({
    model: 'dall-e-3',
    prompt: 'a lighthouse',
    ...(n !== undefined && { n }),
  });

  test('the second within the minute is refused, with the headers that the policy names', async () => {
    const { caller, clock, requests } = governed(COUNTED, IMAGES);
    const openai = caller({ ipAddress: '10.0.0.1' });
    const { response } = await openai.images.generate(image(1)).withResponse();
    expect(response.headers.get('x-apim-remaining')).toBe('0');
    expect(response.headers.get('x-apim-custom-retry')).toBeNull();
    clock.advance(15_000);
    const error = await refusal(openai.images.generate(image(1)));
    expect(error.status).toBe(429);
    expect(error.headers?.get('x-apim-custom-retry')).toBe('45');
    expect(error.headers?.get('x-apim-remaining')).toBe('0');
    expect(requests).toHaveLength(1);
    await caller({ ipAddress: '10.0.0.2' }).images.generate(image(1));
    clock.advance(45_000);
    await openai.images.generate(image(1));
    expect(requests).toHaveLength(3);
  });

  test('one that failed does not count', async () => {
    const failed = json({ error: { message: 'bad', type: 'invalid_request_error' } }, { status: 400 });
    const { openai, requests } = governed(COUNTED, failed, IMAGES);
    await expect(openai.images.generate(image(1))).rejects.toMatchObject({ status: 400 });
    await openai.images.generate(image(1));
    await refusal(openai.images.generate(image(1)));
    expect(requests).toHaveLength(2);
  });

  test('as many as the request asks for count', async () => {
    const { openai } = governed(COUNTED.replace('calls="1"', 'calls="3"'), IMAGES);
    await openai.images.generate(image(2));
    expect(await refusal(openai.images.generate(image(2)))).toMatchObject({ requested: 2, remaining: 1 });
    await openai.images.generate(image(1));
  });

  test('a call that the policy has no count for fails, as it does in the gateway', async () => {
    const { openai, requests } = governed(COUNTED, IMAGES);
    await expect(openai.images.generate(image())).rejects.toMatchObject({
      name: 'PolicyEvaluationError',
      what: 'the value is null',
      line: 1,
    });
    expect(requests).toHaveLength(0);
  });

  test('both ways of counting count on one counter', async () => {
    const otherwise = COUNTED.replace(/increment-count="@\(.*?\)\)\)"/, 'increment-count="1"');
    const policy = `
      <choose>
        <when condition="@(context.Request.Body.As<JObject>()["n"] != null)">${COUNTED}</when>
        <otherwise>${otherwise}</otherwise>
      </choose>`;
    expect(limitsFromApim(policy)).toHaveLength(1);
    const { openai } = governed(policy, IMAGES);
    await openai.images.generate(image());
    await refusal(openai.images.generate(image(1)));
    await refusal(openai.images.generate(image()));
  });
});

test('a call that failed counts where the policy sets no condition', async () => {
  const policy = `<rate-limit-by-key calls="1" renewal-period="60" counter-key="all" />`;
  const { openai } = governed(policy, json({ error: { message: 'bad' } }, { status: 400 }));
  const call = () => openai.embeddings.create({ model: 'text-embedding-3-small', input: 'x' });
  await expect(call()).rejects.toMatchObject({ status: 400 });
  expect(await refusal(call())).toMatchObject({ key: 'all' });
});
