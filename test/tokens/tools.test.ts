import { describe, expect, test } from 'vitest';
import { chatPromptTokens } from '../../src/tokens/chat.ts';
import { responsesPromptTokens } from '../../src/tokens/responses.ts';
import { namespaceOf } from '../../src/tokens/tools.ts';
import { readerOf } from './readers.ts';

const gpt4o = await readerOf('gpt-4o');
const gpt5 = await readerOf('gpt-5-mini');
const t = gpt4o.tokens;

const weather = {
  name: 'get_weather',
  description: 'Tells the weather.',
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string', description: 'Where.' },
      unit: { type: 'string', enum: ['C', 'F'] },
    },
    required: ['city'],
  },
};
const clock = { name: 'get_time', parameters: { type: 'object', properties: {} } };
const bare = { name: 'add', parameters: { type: 'object', properties: { a: { type: 'number' } } } };

const WRITTEN = `namespace functions {

// Tells the weather.
type get_weather = (_: {
// Where.
city: string,
unit?: "C" | "F",
}) => any;

type get_time = () => any;

type add = (_: { a?: number }) => any;

} // namespace functions`;

test('functions are a namespace of types', () => {
  expect(namespaceOf([weather, clock, bare])).toBe(WRITTEN);
});

const functions = [weather, clock, bare];
const chatTools = functions.map((declared) => ({ type: 'function', function: declared }));
const responsesTools = functions.map((declared) => ({ type: 'function', ...declared }));
const user = { role: 'user', content: 'Hello there' };
const HELLO = 4 + t('Hello there');

describe('in /chat/completions they are part of the system message', () => {
  const cases: [name: string, body: object, tokens: number][] = [
    ['added where there is none', { messages: [user], tools: chatTools }, 3 + HELLO + 4 + 5 + t(WRITTEN)],
    [
      'behind an empty line',
      { messages: [{ role: 'system', content: 'Be brief' }, user], tools: chatTools },
      3 + 4 + t('Be brief\n\n') + HELLO + 5 + t(WRITTEN),
    ],
    [
      'behind an empty line that is one token with the full stop',
      {
        messages: [{ role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] }, user],
        tools: chatTools,
      },
      3 + 4 + t('Be brief.') + HELLO + 5 + t(WRITTEN),
    ],
    ['as functions', { messages: [user], functions }, 3 + HELLO + 4 + 5 + t(WRITTEN)],
    [
      'with a choice, which starts the reply',
      { messages: [user], tools: chatTools, tool_choice: { type: 'function', function: { name: 'add' } } },
      3 + HELLO + 4 + 5 + t(WRITTEN) + 4 + t(' to=functions.add'),
    ],
    [
      'with a choice of any',
      { messages: [user], tools: chatTools, tool_choice: 'required' },
      3 + HELLO + 4 + 5 + t(WRITTEN),
    ],
    ['none', { messages: [user], tools: [] }, 3 + HELLO],
  ];
  test.each(cases)('%s', (_, body, tokens) => {
    expect(chatPromptTokens({ ...body }, gpt4o)).toBe(tokens);
  });

  test('of gpt-5 with an instruction, and a choice adds nothing', () => {
    const tool_choice = { type: 'function', function: { name: 'add' } };
    const tokens = chatPromptTokens({ messages: [user], tools: chatTools, tool_choice }, gpt5);
    expect(tokens).toBe(2 + HELLO + 4 + 90 + t(WRITTEN));
  });
});

describe('in /responses they are a message of their own', () => {
  const input = 'Hello there';
  const cases: [name: string, body: object, tokens: number][] = [
    ['alone', { input, tools: responsesTools }, 3 + HELLO + 3 + t(WRITTEN)],
    [
      'beside instructions',
      { input, instructions: 'Be brief', tools: responsesTools },
      3 + 4 + t('Be brief') + HELLO + 3 + t(WRITTEN),
    ],
    [
      'with a choice',
      { input, tools: responsesTools, tool_choice: { type: 'function', name: 'add' } },
      3 + HELLO + 3 + t(WRITTEN) + 4 + t(' to=functions.add'),
    ],
    [
      'with a choice of any, where there is one',
      { input, tools: [{ type: 'function', ...clock }], tool_choice: 'required' },
      3 + HELLO + 3 + t(namespaceOf([clock]) ?? '') + 4 + t(' to=functions.get_time'),
    ],
  ];
  test.each(cases)('%s', (_, body, tokens) => {
    expect(responsesPromptTokens({ ...body }, gpt4o)).toBe(tokens);
  });

  test('of gpt-5 with six tokens more, and an instruction where calls must not be made at once', () => {
    const tokens = 2 + HELLO + 9 + t(WRITTEN);
    expect(responsesPromptTokens({ input, tools: responsesTools }, gpt5)).toBe(tokens);
    const alone = { input, tools: responsesTools, parallel_tool_calls: false };
    expect(responsesPromptTokens(alone, gpt5)).toBe(tokens + 78);
  });

  test('hosted and custom tools count as their JSON', () => {
    const hosted = { type: 'web_search', user_location: { type: 'approximate', city: 'Oslo' } };
    expect(responsesPromptTokens({ input, tools: [hosted] }, gpt4o)).toBe(
      3 + HELLO + 3 + t(JSON.stringify(hosted)),
    );
  });
});

describe('tools that were counted before', () => {
  test('are counted anew when they changed', () => {
    const tools = structuredClone(chatTools);
    const before = chatPromptTokens({ messages: [user], tools }, gpt4o);
    expect(chatPromptTokens({ messages: [user], tools }, gpt4o)).toBe(before);
    tools.pop();
    expect(chatPromptTokens({ messages: [user], tools }, gpt4o)).toBeLessThan(before);
  });

  test('are counted for each encoding', async () => {
    const gpt4 = await readerOf('gpt-4');
    const body = { messages: [user], tools: chatTools };
    expect(chatPromptTokens(body, gpt4)).toBe(3 + 4 + gpt4.tokens('Hello there') + 9 + gpt4.tokens(WRITTEN));
    expect(chatPromptTokens(body, gpt4o)).toBe(3 + HELLO + 9 + t(WRITTEN));
  });
});

describe('tools that no request can hold get a bound', () => {
  const cyclic: Record<string, unknown> = { type: 'object' };
  cyclic['properties'] = { self: cyclic };
  let deep: object = { type: 'string' };
  for (let i = 0; i < 10_000; i++) deep = { type: 'object', properties: { a: deep } };
  const throwing = {
    toJSON() {
      throw new Error('no JSON');
    },
  };
  test.each([
    ['cyclic', cyclic],
    ['deep', deep],
    ['throwing', throwing],
    ['a bigint', { type: 'object', properties: { a: { default: 1n } } }],
  ])('%s', (_, parameters) => {
    const chat = { messages: [user], tools: [{ type: 'function', function: { name: 'f', parameters } }] };
    const response = { input: '', text: { format: { type: 'json_schema', name: 'n', schema: parameters } } };
    for (const tokens of [chatPromptTokens(chat, gpt4o), responsesPromptTokens(response, gpt4o)]) {
      expect(Number.isFinite(tokens)).toBe(true);
      expect(tokens).toBeGreaterThan(20);
    }
  });
});
