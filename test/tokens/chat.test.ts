import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget } from '../../src/index.ts';
import { chatPromptTokens } from '../../src/tokens/chat.ts';
import { responsesPromptTokens } from '../../src/tokens/responses.ts';
import { readerOf } from './readers.ts';

const gpt4o = await readerOf('gpt-4o');
const gpt5 = await readerOf('gpt-5-mini');
const t = gpt4o.tokens;

const user = { role: 'user', content: 'Hello there' };
const HELLO = 4 + t('Hello there');
const call = (id: string, name: string, args: string) => ({ id, function: { name, arguments: args } });
const assistant = (...tool_calls: unknown[]) => ({ role: 'assistant', content: null, tool_calls });
const result = (tool_call_id: string, content: string) => ({ role: 'tool', tool_call_id, content });
const CALL = 4 + t(' to=functions.look_up') + t('{"id":7}');
const RESULT = 6 + t('look_up') + t('It is red.');

describe('messages of /chat/completions', () => {
  const cases: [name: string, messages: object[], tokens: number][] = [
    ['none', [], 3],
    ['one', [user], 3 + HELLO],
    ['a developer', [{ role: 'developer', content: 'Be brief' }, user], 3 + 4 + t('Be brief') + HELLO],
    ['a name', [{ ...user, name: 'ada' }], 3 + HELLO + 1 + t('ada')],
    ['a name that is the role', [{ ...user, name: 'user' }], 3 + HELLO + 1],
    [
      'texts side by side are read as one',
      [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Hello' },
            { type: 'text', text: ' there' },
          ],
        },
      ],
      3 + HELLO,
    ],
    ['a refusal', [user, { role: 'assistant', content: null, refusal: 'No.' }], 3 + HELLO + 4 + t('No.')],
    ['a call', [user, assistant(call('1', 'look_up', '{"id":7}'))], 3 + HELLO + CALL],
    [
      'a call, however it is spaced',
      [user, assistant(call('1', 'look_up', ' { "id" : 7 } '))],
      3 + HELLO + CALL,
    ],
    [
      'a call and its result',
      [user, assistant(call('1', 'look_up', '{"id":7}')), result('1', 'It is red.')],
      3 + HELLO + CALL + RESULT,
    ],
    [
      'calls at once are one call, their results one list as Python writes it',
      [
        user,
        assistant(call('1', 'look_up', '{"id":7}'), call('2', 'look_up', '{"id":8}')),
        result('1', 'It is 7°'),
        result('2', '{"is":[1.0,"b"]}'),
      ],
      3 +
        HELLO +
        4 +
        t(' to=multi_tool_use.parallel') +
        t(
          '{"tool_uses":[{"recipient_name":"functions.look_up","parameters":{"id":7}},' +
            '{"recipient_name":"functions.look_up","parameters":{"id":8}}]}',
        ) +
        10 +
        t('["It is 7\\u00b0", {"is": [1.0, "b"]}]'),
    ],
    [
      'a result of the older kind',
      [user, { role: 'function', name: 'look_up', content: 'It is red.' }],
      3 + HELLO + 3 + t('look_up') + t('It is red.'),
    ],
  ];
  test.each(cases)('%s', (_, messages, tokens) => {
    expect(chatPromptTokens({ messages }, gpt4o)).toBe(tokens);
  });

  test('replies of gpt-5 name their channel, and its calls take six more', () => {
    const reply = { role: 'assistant', content: 'Hello there' };
    expect(chatPromptTokens({ messages: [user, reply] }, gpt5)).toBe(2 + HELLO + HELLO + 2);
    const messages = [user, assistant(call('1', 'look_up', '{"id":7}')), result('1', 'It is red.')];
    expect(chatPromptTokens({ messages }, gpt5)).toBe(2 + HELLO + CALL + RESULT + 6);
  });
});

describe('items of /responses', () => {
  const called = { type: 'function_call', call_id: 'c', name: 'look_up', arguments: '{"id":7}' };
  const output = { type: 'function_call_output', call_id: 'c', output: 'It is red.' };
  const cases: [name: string, body: object, tokens: number][] = [
    ['a text', { input: 'Hello there' }, 3 + HELLO],
    ['a message', { input: [user] }, 3 + HELLO],
    ['instructions', { instructions: 'Be brief', input: [user] }, 3 + 4 + t('Be brief') + HELLO],
    ['a call and its result', { input: [user, called, output] }, 3 + HELLO + CALL + RESULT - 2],
    [
      'one that is stored',
      { input: [user, { ...called, id: 'fc_1' }, output] },
      3 + HELLO + CALL + RESULT + 1,
    ],
    [
      'one that is not, in spite of its id',
      { store: false, input: [user, { ...called, id: 'fc_1' }, output] },
      3 + HELLO + CALL + RESULT - 2,
    ],
    [
      'calls at once',
      { input: [user, { ...called, id: 'fc_1' }, { ...called, id: 'fc_2' }, output, output] },
      3 + HELLO + 2 * (CALL + RESULT - 2),
    ],
  ];
  test.each(cases)('%s', (_, body, tokens) => {
    expect(responsesPromptTokens({ ...body }, gpt4o)).toBe(tokens);
  });
});

describe('families of models', () => {
  const cases: [model: string, tokens: number][] = [
    ['gpt-3.5-turbo', 3],
    ['gpt-4.1-nano', 3],
    ['ft:gpt-4o-mini-2024-07-18:acme::abc', 3],
    ['ft:gpt-5-mini:acme::abc', 2],
    ['openai/gpt-5.2', 2],
    ['gpt-5.2-chat-latest', 2],
    ['o1-mini', 3],
    ['o3-mini', 2],
    ['o4-mini', 2],
    ['', 3],
    ['a-model-of-tomorrow', 3],
  ];
  test.each(cases)('%s', async (name, reply) => {
    const model = await readerOf(name);
    expect(chatPromptTokens({ messages: [user] }, model)).toBe(reply + 4 + model.tokens('Hello there'));
    expect(responsesPromptTokens({ input: [user] }, model)).toBe(reply + 4 + model.tokens('Hello there'));
  });

  test('that search report the texts alone', async () => {
    const model = await readerOf('gpt-4o-search-preview');
    expect(chatPromptTokens({ messages: [user] }, model)).toBe(t('Hello there'));
  });
});

describe('whatever a body holds', () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  const some = (...names: string[]) => fc.dictionary(fc.constantFrom(...names), json, { maxKeys: 6 });
  const message = fc.oneof(
    json,
    some('role', 'content', 'name', 'tool_calls', 'function_call', 'refusal', 'tool_call_id', 'type'),
    fc.record({
      role: fc.constantFrom('tool', 'assistant', 'function', 'system'),
      content: json,
      tool_calls: json,
    }),
  );
  const tool = fc.oneof(
    json,
    fc.record({ type: fc.constant('function'), function: some('name', 'parameters', 'description') }),
  );
  const body = fc.record(
    {
      messages: fc.oneof(json, fc.array(message)),
      input: fc.oneof(json, fc.array(message)),
      instructions: json,
      tools: fc.oneof(json, fc.array(tool)),
      functions: json,
      tool_choice: json,
      response_format: fc.record({ type: fc.constant('json_schema'), json_schema: json }),
      text: fc.record({ format: fc.record({ type: fc.constant('json_schema'), schema: json, name: json }) }),
    },
    { requiredKeys: [] },
  );

  test('the count is a whole number of at least 0', () => {
    fc.assert(
      fc.property(body, fc.constantFrom(gpt4o, gpt5), (any, model) => {
        for (const tokens of [chatPromptTokens(any, model), responsesPromptTokens(any, model)]) {
          expect(Number.isSafeInteger(tokens) && tokens >= 0, `${tokens}`).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a message more never counts less', () => {
    const messages = fc.array(
      fc.record({ role: fc.constantFrom('user', 'assistant', 'system'), content: fc.string() }),
    );
    fc.assert(
      fc.property(messages, fc.string(), (list, content) => {
        const more = [...list, { role: 'user', content }];
        expect(chatPromptTokens({ messages: more }, gpt4o)).toBeGreaterThan(
          chatPromptTokens({ messages: list }, gpt4o),
        );
        expect(responsesPromptTokens({ input: more }, gpt4o)).toBeGreaterThan(
          responsesPromptTokens({ input: list }, gpt4o),
        );
      }),
    );
  });

  test('a budget estimates the same', async () => {
    const budget = new Budget({ limits: [{ tokens: 1e12, per: 'minute' }] });
    await fc.assert(
      fc.asyncProperty(body, async (any) => {
        const chat = await budget.estimate('/chat/completions', { ...any, model: 'gpt-4o' });
        const response = await budget.estimate('/responses', { ...any, model: 'gpt-4o' });
        expect(chat.promptTokens).toBe(chatPromptTokens(any, gpt4o));
        expect(response.promptTokens).toBe(responsesPromptTokens(any, gpt4o));
      }),
      { numRuns: 50 },
    );
  });
});
