import { describe, expect, test } from 'vitest';
import { chatPromptTokens } from '../../src/tokens/chat.ts';
import { responsesPromptTokens } from '../../src/tokens/responses.ts';
import { readerOf } from './readers.ts';

const model = await readerOf('gpt-4.1');
const t = model.tokens;
const user = { role: 'user', content: 'Hello there' };
const HELLO = 4 + t('Hello there');

const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Answer',
  description: 'An answer — in short.',
  type: 'object',
  properties: {
    default: { type: 'string', format: 'date', minLength: 2, maxLength: 9 },
    score: { type: 'integer', minimum: 0, maximum: 9, default: 1, title: 'Score' },
    tags: { type: 'array', items: { type: 'string', enum: ['default', 'format'] }, maxItems: 3 },
  },
  required: ['default', 'score', 'tags'],
  additionalProperties: false,
};
const SHOWN =
  '{"title":"Answer","description":"An answer \\u2014 in short.","type":"object","properties":{' +
  '"default":{"type":"string"},"score":{"type":"integer","title":"Score"},' +
  '"tags":{"type":"array","items":{"type":"string","enum":["default","format"]}}}}';
const SECTION = t(`# Response Formats\n\n## short_answer\n\n${SHOWN}`);
const NAMED = 2 + t('short_answer');

const format = { name: 'short_answer', strict: true, schema };
const response_format = { type: 'json_schema', json_schema: format };

describe('a schema is shown as JSON, without what only binds the output', () => {
  const reply = { role: 'assistant', content: '{}' };
  const calling = { role: 'assistant', tool_calls: [{ id: '1', function: { name: 'f', arguments: '{}' } }] };
  const tools = [{ type: 'function', function: { name: 'f' } }];
  const TOOLS = 5 + t('namespace functions {\n\ntype f = () => any;\n\n} // namespace functions');
  const cases: [name: string, body: object, tokens: number][] = [
    ['in chat', { messages: [user], response_format }, 3 + HELLO + 4 + SECTION + NAMED],
    [
      'below the system message',
      { messages: [{ role: 'system', content: 'Be brief' }, user], response_format },
      3 + 4 + t('Be brief\n\n') + HELLO + SECTION + NAMED,
    ],
    [
      'its name marks every reply',
      { messages: [user, reply, user], response_format },
      3 + 2 * HELLO + 4 + t('{}') + 4 + SECTION + 2 * NAMED,
    ],
    [
      'but no call, nor a reply that may be one',
      { messages: [user, calling], response_format, tools },
      3 + HELLO + 4 + t(' to=functions.f') + t('{}') + 4 + TOOLS + 1 + SECTION,
    ],
    ['json_object adds nothing', { messages: [user], response_format: { type: 'json_object' } }, 3 + HELLO],
  ];
  test.each(cases)('%s', (_, body, tokens) => {
    expect(chatPromptTokens({ ...body }, model)).toBe(tokens);
  });

  test('in responses', () => {
    const text = { format: { type: 'json_schema', ...format } };
    expect(responsesPromptTokens({ input: [user], text }, model)).toBe(3 + HELLO + 1 + SECTION);
  });

  test('with the description of the format as a comment', () => {
    const described = { type: 'json_schema', json_schema: { ...format, description: 'What to say.' } };
    const section = t(`# Response Formats\n\n## short_answer\n\n// What to say.\n${SHOWN}`);
    expect(chatPromptTokens({ messages: [user], response_format: described }, model)).toBe(
      3 + HELLO + 4 + section + NAMED,
    );
  });
});
