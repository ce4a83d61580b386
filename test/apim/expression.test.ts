import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileExpression } from '../../src/apim/expression/compile.ts';
import { parseExpression } from '../../src/apim/expression/parse.ts';
import { PolicyEvaluationError, PolicyImportError } from '../../src/import/errors.ts';
import { chatCall } from './calls.ts';

const BODY = {
  model: 'gpt-4o',
  n: 2,
  size: '1024',
  stream: true,
  user: null,
  messages: [{ role: 'user', content: 'Hi' }],
  metadata: { team: 'search' },
};
const ATTRIBUTES = { subscriptionId: 'sub-1', ipAddress: '10.0.0.1', 'X-Team': 'blue' };

const placeAt = (index: number) => ({ line: 1, column: index + 1, element: 'test' });

function evaluate(source: string, reads: 'call' | 'outcome' | 'nothing' = 'call') {
  const run = compileExpression(parseExpression(source, placeAt), reads);
  return run({ call: chatCall(BODY, ATTRIBUTES), outcome: { status: 200, usage: undefined } });
}

const B = 'context.Request.Body.As<JObject>(preserveContent: true)';

describe('an expression', () => {
  test.each<[source: string, value: unknown]>([
    ['@(true)', true],
    ['@("a" + "b")', 'ab'],
    ['@("a" + 1 + true + null)', 'a1True'],
    ['@(1 + 2 * 3 - 4)', 3],
    ['@(-2 + 1)', -1],
    ['@((1 + 2) * 3)', 9],
    ['@(1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3)', true],
    ['@(1 == 2 || 1 != 2)', true],
    ['@(!(1 == 2))', true],
    ['@(false || true && false)', false],
    ['@(1 < 2 ? "yes" : "no")', 'yes'],
    ['@(false ? 1 : true ? 2 : 3)', 2],
    ['@(null ?? "x" ?? "y")', 'x'],
    [String.raw`@("\"\\\u0041\t")`, '"\\A\t'],
    [String.raw`@(@"\d""")`, '\\d"'],
    [`@('a' == "a")`, true],
    ['@(/* a */ 1 // b\n)', 1],
    ['@(context.Subscription.Id)', 'sub-1'],
    ['@(context.Subscription?.Id ?? context.Request.IpAddress)', 'sub-1'],
    ['@(context.Subscription != null ? "known" : "unknown")', 'known'],
    ['@(context.User == null)', true],
    ['@(context.User?.Id ?? context.Request.IpAddress)', '10.0.0.1'],
    ['@(context.User.Id + "-key")', undefined],
    ['@(context.User.Id.ToLower().Contains("x"))', undefined],
    ['@(context.User.Id == "x")', false],
    ['@(context.Subscription.Id + "-" + context.Request.IpAddress)', 'sub-1-10.0.0.1'],
    ['@(String.Concat(context.Subscription.Id, "-tpm"))', 'sub-1-tpm'],
    ['@(context.Request.Headers.GetValueOrDefault("x-team", "none"))', 'blue'],
    ['@(context.Request.Headers.GetValueOrDefault("x-other", "none"))', 'none'],
    ['@(context.Request.Headers.GetValueOrDefault("x-other"))', undefined],
    ['@(context.Request.Headers.ContainsKey("X-TEAM"))', true],
    ['@(context.Request.MatchedParameters["deployment-id"])', 'gpt-4o-mini'],
    ['@(context.Request.MatchedParameters.GetValueOrDefault("deployment-id", ""))', 'gpt-4o-mini'],
    ['@(context.Request.Method == "POST")', true],
    ['@(context.Request.Body != null)', true],
    [`@(${B}["model"]?.ToString() == "gpt-4o")`, true],
    ['@((string)context.Request.Body.As<JObject>(true)["model"] == "gpt-4o")', true],
    [`@(${B}["model"].ToString().StartsWith("gpt-4"))`, true],
    [`@(${B}["model"].ToString().EndsWith("mini"))`, false],
    [`@(${B}["model"].ToString().Contains("4O", StringComparison.OrdinalIgnoreCase))`, true],
    [`@(${B}["model"].ToString().Equals("GPT-4O"))`, false],
    [`@(string.Equals((string)${B}["model"], "GPT-4O", StringComparison.OrdinalIgnoreCase))`, true],
    [`@(${B}["model"].ToString().ToUpperInvariant().Trim())`, 'GPT-4O'],
    [`@(new[] { "gpt-4o", "o3" }.Contains((string)${B}["model"]))`, true],
    [`@(new string[] { "o3" }.Contains(${B}["model"].ToString()))`, false],
    [`@(${B}["none"]?.ToString().StartsWith("x") == true)`, false],
    [`@(${B}["none"]?["deeper"] == null)`, true],
    [`@(${B}["user"] == null)`, true],
    [`@(${B}["metadata"]["team"].ToString())`, 'search'],
    [`@(${B}["messages"][0]["content"].ToString().Length)`, 2],
    [`@(${B}["messages"].Count() + ${B}["messages"].Count)`, 2],
    [`@(${B}["messages"].Any())`, true],
    [`@(${B}.ContainsKey("n") && !${B}.ContainsKey("m"))`, true],
    [`@(${B}.Value<int>("n") * ${B}["n"].ToObject<int>())`, 4],
    [`@(${B}.Value<int>("none") + ${B}.Value<string>("model"))`, '0gpt-4o'],
    [`@(${B}.Value<bool?>("stream") == true)`, true],
    [`@(${B}.Value<bool?>("none") == true)`, false],
    [`@(int.Parse(${B}["n"].ToString()) + Convert.ToInt32(${B}["size"]))`, 1_026],
    [`@((bool)${B}["stream"] ? 1 : 0)`, 1],
    [`@((int?)${B}["none"] ?? 7)`, 7],
    [`@(Math.Max((int)${B}["n"], 4) - Math.Min(1, 2))`, 3],
    [`@(string.IsNullOrEmpty((string)${B}["none"]) && !string.IsNullOrWhiteSpace("x"))`, true],
    [`@{ return ${B}["model"].ToString(); }`, 'gpt-4o'],
    [`@{ var body = ${B}; string model = (string)body["model"]; return model + body["n"]; }`, 'gpt-4o2'],
  ])('%s', (source, value) => {
    expect(evaluate(source)).toBe(value);
  });

  test.each<[source: string, value: unknown]>([
    ['@(context.Response.StatusCode == 200)', true],
    ['@(context.Response.StatusCode >= 200 && context.Response.StatusCode < 400)', true],
    ['@(context.Response.StatusCode != 429)', true],
  ])('of how a call ended: %s', (source, value) => {
    expect(evaluate(source, 'outcome')).toBe(value);
  });

  test('of a call that no answer came to: no number is greater or less', () => {
    const run = compileExpression(
      parseExpression('@(context.Response.StatusCode < 500)', placeAt),
      'outcome',
    );
    expect(run({ outcome: { status: undefined, usage: undefined } })).toBe(false);
  });
});

describe('what is not in the subset is an error with its place', () => {
  test.each<[source: string, column: number, what: RegExp]>([
    ['@(DateTime.UtcNow.Hour > 8)', 3, /"DateTime" is not understood/],
    ['@(context.Request.Url.Path)', 3, /context\.Request\.Url\.Path is not known/],
    ['@(context.Request)', 3, /context\.Request is not known/],
    ['@(context)', 3, /"context" is not understood/],
    ['@(context.Request.Body.As<string>())', 18, /only As<JObject>/],
    ['@(context.Request.Headers["x"])', 18, /only GetValueOrDefault/],
    ['@(context.Request.MatchedParameters["id"])', 18, /only "deployment-id"/],
    ['@(context.Response.StatusCode == 200)', 3, /the response cannot be read/],
    ['@("a".Substring(1))', 6, /Substring\(\) is not understood/],
    ['@("a".StartsWith())', 6, /StartsWith\(\) with 0 arguments/],
    ['@("a".Chars)', 6, /\.Chars is not understood/],
    ['@(Guid.NewGuid())', 7, /Guid\.NewGuid\(\) is not understood/],
    ['@(foo)', 3, /"foo" is not understood/],
    ['@($"x")', 3, /"\$" is not understood/],
    ['@(1 / 2)', 5, /expected the end, got "\/"/],
    ['@(a => a)', 5, /expected the end, got "=>"/],
    ['@(1 +)', 6, /expected a value, got its end/],
    ['@()', 3, /expected a value, got its end/],
    ['@(f(1))', 4, /expected the end/],
    ['@{ if (true) { return 1; } return 2; }', 4, /expected a variable or return/],
    ['@{ return 1; return 2; }', 14, /expected the end/],
    ['@{ var a = 1; }', 15, /expected a variable or return/],
    [String.raw`@("\q")`, 3, /no escape/],
    [`@(${'('.repeat(200)}1${')'.repeat(200)})`, 53, /too deep/],
    [`@(1${' + 1'.repeat(2_000)})`, 4003, /too long/],
  ])('%s', (source, column, what) => {
    expect(() => evaluate(source)).toThrow(
      expect.objectContaining({
        name: 'PolicyImportError',
        line: 1,
        column,
        what: expect.stringMatching(what),
      }),
    );
  });

  test('a condition on how a call ended cannot read the request', () => {
    expect(() => evaluate('@(context.Request.IpAddress == "x")', 'outcome')).toThrow(
      /the request cannot be read/,
    );
  });

  test('a constant reads nothing', () => {
    expect(evaluate('@(50 * 2)', 'nothing')).toBe(100);
    expect(() => evaluate('@(context.Subscription.Id)', 'nothing')).toThrow(/expected a constant/);
  });
});

test.each<[source: string, what: RegExp]>([
  [`@(${B}["none"].ToString())`, /null/],
  [`@(${B}["metadata"].ToString())`, /an object/],
  [`@(${B}["messages"][7])`, /beyond the end/],
  [`@(${B}["model"]["x"])`, /neither a field/],
  [`@(int.Parse("many"))`, /a whole number/],
  ['@((int)2.5)', /a whole number/],
  [`@((int)${B}["none"])`, /null, which is no int/],
  [`@((bool)"maybe")`, /true or false/],
  ['@(1 && true)', /neither true nor false/],
  ['@("a" * 2)', /two numbers/],
  ['@("a" < "b")', /two numbers/],
  [`@(${B}["n"].StartsWith("2"))`, /two texts/],
  ['@(Math.Max("1", 2))', /a number/],
])('where C# throws, there is no value: %s', (source, what) => {
  expect(() => evaluate(source)).toThrow(
    expect.objectContaining({ name: 'PolicyEvaluationError', what: expect.stringMatching(what) }),
  );
});

test('no error shows what a call holds', () => {
  const run = compileExpression(parseExpression(`@(int.Parse(${B}["secret"].ToString()))`, placeAt), 'call');
  expect(() => run({ call: chatCall({ secret: 'confidential' }) })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('confidential') }),
  );
});

test('inherited members of a body are none of its fields', () => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    expect(evaluate(`@(${B}["${name}"] == null && !${B}.ContainsKey("${name}"))`)).toBe(true);
    expect(evaluate(`@(context.Request.Headers.GetValueOrDefault("${name}", "none"))`)).toBe('none');
    expect(() => evaluate(`@("a".${name}())`)).toThrow(PolicyImportError);
    expect(() => evaluate(`@(string.${name}("a"))`)).toThrow(PolicyImportError);
  }
});

describe('random expressions', () => {
  const word = fc.constantFrom(
    ...[
      'context',
      'Request',
      'Body',
      'As',
      'JObject',
      'Headers',
      'Subscription',
      'Id',
      'Response',
      'StatusCode',
    ],
    ...[
      'Variables',
      'GetValueOrDefault',
      'ToString',
      'Contains',
      'Value',
      'int',
      'Parse',
      'string',
      'new',
      'null',
    ],
    ...[
      'true',
      'return',
      'var',
      'x',
      '"model"',
      '"n"',
      '"',
      "'",
      '1',
      '2.5',
      '.',
      '?.',
      '[',
      ']',
      '?[',
      '(',
      ')',
    ],
    ...[
      '<',
      '>',
      '==',
      '!=',
      '!',
      '&&',
      '||',
      '??',
      '?',
      ':',
      '+',
      '-',
      '*',
      ',',
      ';',
      '=',
      '{',
      '}',
      ' ',
      '//',
    ],
  );
  const random = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 25 }).map((words) => words.join('')),
  );
  const wrapped = fc.oneof(
    random.map((text) => `@(${text})`),
    random.map((text) => `@{${text}}`),
  );

  test('are understood, or an error of the import; they have a value, or an error of theirs', () => {
    fc.assert(
      fc.property(wrapped, fc.constantFrom('call', 'outcome', 'nothing'), (source, reads) => {
        try {
          evaluate(source, reads);
        } catch (error) {
          if (!(error instanceof PolicyImportError)) expect(error).toBeInstanceOf(PolicyEvaluationError);
        }
      }),
      { numRuns: 20_000 },
    );
  });

  /** Numbers and signs, whose value JavaScript knows, too. */
  const number = fc.integer({ min: 0, max: 9 }).map(String);
  const arithmetic = fc.letrec<{ term: string }>((tie) => ({
    term: fc.oneof(
      { maxDepth: 5 },
      number,
      fc.tuple(tie('term'), fc.constantFrom(' + ', ' - ', ' * '), tie('term')).map((parts) => parts.join('')),
      tie('term').map((term) => `(${term})`),
      fc
        .tuple(tie('term'), fc.constantFrom('<', '<=', '>', '>='), tie('term'), tie('term'), tie('term'))
        .map(([a, sign, b, c, d]) => `((${a}) ${sign} (${b}) && true || false ? ${c} : ${d})`),
    ),
  })).term;

  test('of numbers have the value that they should', () => {
    fc.assert(
      fc.property(arithmetic, (text) => {
        const expected: unknown = new Function(`return (${text});`)();
        expect(evaluate(`@(${text})`)).toBe(expected);
      }),
    );
  });
});
