import { describe, expect, test } from 'vitest';
import { BOUNDED, charged, nested, OUTPUT, PROMPT, raw, setUp } from './support.ts';

/** What a JSON answer is charged: the estimate, because it is no report, or what it reports. */
type Charge = 'estimate' | readonly [promptTokens: number, completionTokens: number];

const body = (usage: string) => `{"id":"chatcmpl-1","choices":[],"usage":${usage}}`;
const tokens = (prompt: string, completion = '4') =>
  body(`{"prompt_tokens":${prompt},"completion_tokens":${completion}}`);
const GOOD = '{"prompt_tokens":9,"completion_tokens":4}';

/**
 * The rule: a usage is a report if its counts are finite numbers from 0 to 10^12. Anything else is none, and the
 * estimate stands. A report is what the API bills, so it is charged as it is, even if no call can have used so much: an
 * upstream that lies can so exhaust a budget, but the app's own limits are what it exhausts.
 */
const ANSWERS: Record<string, readonly [text: string, charge: Charge]> = {
  'a good report': [body(GOOD), [9, 4]],
  'a report of nothing': [tokens('0', '0'), [0, 0]],
  'a negative prompt': [tokens('-9'), 'estimate'],
  'a negative completion': [tokens('9', '-4'), 'estimate'],
  'the largest double': [tokens('1.7976931348623157e308'), 'estimate'],
  'more than a double holds': [tokens('9', '1e999'), 'estimate'],
  'less than a double holds': [tokens('9', '-1e999'), 'estimate'],
  'the most that counts': [tokens('1e12'), [1e12, 4]],
  'one more': [tokens('1000000000001'), 'estimate'],
  // Counters show whole tokens: the next larger.
  fractions: [tokens('9.5', '4.25'), [10, 5]],
  texts: [tokens('"9"', '"4"'), 'estimate'],
  'an empty text': [tokens('""'), 'estimate'],
  arrays: [tokens('[9]', '[4]'), 'estimate'],
  objects: [tokens('{"valueOf":9}'), 'estimate'],
  booleans: [tokens('true', 'true'), 'estimate'],
  nulls: [tokens('null', 'null'), 'estimate'],
  'no completion': [body('{"prompt_tokens":9}'), 'estimate'],
  'no completion, and the total': [body('{"prompt_tokens":9,"total_tokens":13}'), [9, 4]],
  'no completion, and a total that is none': [body('{"prompt_tokens":9,"total_tokens":"13"}'), 'estimate'],
  'no prompt': [body('{"completion_tokens":4}'), 'estimate'],
  'the total alone': [body('{"total_tokens":13}'), [13, 0]],
  // Some count what a model thought in the total only.
  'a total of more than its parts': [
    body('{"prompt_tokens":9,"completion_tokens":4,"total_tokens":100}'),
    [9, 91],
  ],
  'a total of less than its parts': [
    body('{"prompt_tokens":9,"completion_tokens":4,"total_tokens":1}'),
    [9, 4],
  ],
  'an absurd total': [body('{"prompt_tokens":9,"completion_tokens":4,"total_tokens":1e300}'), 'estimate'],
  'a negative total': [body('{"prompt_tokens":9,"completion_tokens":4,"total_tokens":-1}'), 'estimate'],
  'a detail that is no number': [
    body('{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"audio_tokens":"9"}}'),
    'estimate',
  ],
  'a negative detail': [
    body('{"prompt_tokens":9,"completion_tokens":4,"completion_tokens_details":{"audio_tokens":-4}}'),
    'estimate',
  ],
  'details that are null': [
    body('{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":null}}'),
    [9, 4],
  ],
  'details of more than their total': [
    body('{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":1e9}}'),
    [9, 4],
  ],
  'seconds that are none': [body('{"type":"duration","seconds":-1}'), 'estimate'],
  'usage null': [body('null'), 'estimate'],
  'usage a number': [body('13'), 'estimate'],
  'usage a text': [body('"13"'), 'estimate'],
  'usage a list': [body(`[${GOOD}]`), 'estimate'],
  'usage empty': [body('{}'), 'estimate'],
  'a prototype': [body(`{"__proto__":${GOOD}}`), 'estimate'],
  'a prototype beside a report': [
    body('{"__proto__":{"prompt_tokens":0},"prompt_tokens":9,"completion_tokens":4}'),
    [9, 4],
  ],
  'names of all objects': [
    body('{"constructor":1,"toString":2,"hasOwnProperty":3,"prompt_tokens":9,"completion_tokens":4}'),
    [9, 4],
  ],
  // As JSON.parse has it, and so the app.
  'two usages': [`{"usage":{"prompt_tokens":1,"completion_tokens":1},"usage":${GOOD}}`, [9, 4]],
  'two usages, the last none': [`{"usage":${GOOD},"usage":null}`, 'estimate'],
  'a usage by escapes': [`{"\\u0075sage":${GOOD}}`, [9, 4]],
  'two counts': [body('{"prompt_tokens":1,"prompt_tokens":9,"completion_tokens":4}'), [9, 4]],
  'a usage in a choice': [`{"choices":[{"usage":${GOOD}}]}`, 'estimate'],
  'a usage in a message': [`{"choices":[{"message":{"content":"x","usage":${GOOD}}}]}`, 'estimate'],
  'a usage in a text': [`{"choices":[{"message":{"content":"\\"usage\\":{}"}}]}`, 'estimate'],
  'a usage in a list': [`[{"usage":${GOOD}}]`, 'estimate'],
  'a usage below another name': [`{"data":{"usage":${GOOD}}}`, 'estimate'],
  'a usage too long to be one': [
    body(`{"prompt_tokens":9,"completion_tokens":4,"x":"${'x'.repeat(1_100_000)}"}`),
    'estimate',
  ],
  'a deep usage': [body(nested(100_000)), 'estimate'],
  'a deep count': [tokens(nested(100_000)), 'estimate'],
  'a deep answer beside a report': [`{"choices":${nested(100_000)},"usage":${GOOD}}`, [9, 4]],
  'a deep answer': [nested(100_000), 'estimate'],
  'a BOM': [`\ufeff${body(GOOD)}`, [9, 4]],
  NUL: ['\0'.repeat(1_000), 'estimate'],
  nothing: ['', 'estimate'],
  'white space': [' \r\n\t'.repeat(1_000), 'estimate'],
  'a number': ['13', 'estimate'],
  NaN: [tokens('NaN'), 'estimate'],
  'a stream of events': [`data: ${body(GOOD)}\n\ndata: [DONE]\n\n`, 'estimate'],
};

describe('what a JSON answer is charged', () => {
  test.each(Object.entries(ANSWERS))('%s', async (_title, [text, charge]) => {
    const { openai, budget, outcomes } = setUp(raw(text));
    const response = await openai.chat.completions.create(BOUNDED).asResponse();
    // What the app reads is what was sent, but for the BOM that `text()` drops.
    expect(await response.text()).toBe(text.replace(/^\ufeff/, ''));
    const [promptTokens, completionTokens] = charge === 'estimate' ? [PROMPT, OUTPUT] : charge;
    expect(await charged(budget)).toMatchObject({ requests: 1, promptTokens, completionTokens });
    expect(outcomes).toEqual([charge === 'estimate' ? 'estimated' : 'reported']);
    expect(await budget.reservations()).toEqual([]);
  });

  test('every report has a cost that is a number', async () => {
    for (const [text] of Object.values(ANSWERS)) {
      const { openai, budget } = setUp(raw(text));
      await (await openai.chat.completions.create(BOUNDED).asResponse()).text();
      const { cost = Number.NaN } = await charged(budget);
      expect(cost).toBeGreaterThanOrEqual(0);
    }
  });

  test('the SDK reads the same charges, or throws its own error', async () => {
    for (const [text, charge] of Object.values(ANSWERS)) {
      const { openai, budget } = setUp(raw(text));
      await openai.chat.completions.create(BOUNDED).catch((error: unknown) => {
        expect(error).toBeInstanceOf(SyntaxError);
      });
      const [promptTokens, completionTokens] = charge === 'estimate' ? [PROMPT, OUTPUT] : charge;
      expect(await charged(budget)).toMatchObject({ promptTokens, completionTokens });
    }
  });
});
