import fc from 'fast-check';

/** Ranges of code points of every kind that the patterns tell apart, and of many scripts. */
const RANGES: readonly (readonly [first: number, last: number])[] = [
  [0x20, 0x7e],
  [0x00, 0x1f],
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x61, 0x7a],
  [0x80, 0xff],
  [0x100, 0x24f],
  [0x1c4, 0x1cc], // titlecase digraphs among them
  [0x2b0, 0x2ff], // modifier letters
  [0x300, 0x36f], // combining marks
  [0x370, 0x3ff],
  [0x400, 0x4ff],
  [0x5d0, 0x5ea],
  [0x600, 0x6ff],
  [0x900, 0x97f],
  [0xe00, 0xe5b],
  [0x10a0, 0x10ff],
  [0x1100, 0x11ff],
  [0x2000, 0x206f], // spaces, joiners, directions
  [0x2070, 0x209f], // superscripts, subscripts
  [0x20a0, 0x20bf],
  [0x2150, 0x218b], // fractions, Roman numerals
  [0x3000, 0x30ff],
  [0x4e00, 0x9fff],
  [0xac00, 0xd7a3],
  [0xd800, 0xdfff], // lone surrogates
  [0xe000, 0xe0ff],
  [0xfe00, 0xfe0f],
  [0xff00, 0xffef],
  [0x10330, 0x1034a],
  [0x10400, 0x1044f],
  [0x1d400, 0x1d7ff],
  [0x1f300, 0x1f6ff],
  [0x1f3fb, 0x1f3ff],
  [0x20000, 0x2a6df],
  [0xe0100, 0xe01ef],
];

const SPACES = [
  ' ',
  '  ',
  '\t',
  '\n',
  '\r\n',
  '\r',
  '\v',
  '\f',
  '\u00a0',
  '\u0085',
  '\u2003',
  '\u2028',
  '\u3000',
  '\ufeff',
];
const CONTRACTIONS = [
  "'s",
  "'S",
  "'t",
  "'re",
  "'Re",
  "'VE",
  "'ll",
  "'lL",
  "'d",
  "'M",
  "'x",
  "''s",
  'ſ',
  '’s',
];
const SPECIAL = ['<|endoftext|>', '<|fim_prefix|>', '<|endofprompt|>', '<|im_start|>', '<|end'];
const FRAGMENTS = [
  'The quick brown fox',
  "don't, can't; WON'T",
  ' internationalization',
  'camelCaseHTTPServer',
  'snake_case_99',
  '12345678901',
  '3.14e-10',
  'const f = (x) => x?.y ?? 0;\n',
  '    if (a[i] !== b) {\n\t\treturn;\n    }\n',
  '{"id":1,"tags":["a","b"],"ok":true,"n":null}',
  'https://example.com/a/b?c=%20d#e',
  '../../..//\n/',
  '----====****',
  '👩‍👩‍👧‍👦👍🏽🏳️‍🌈',
  'Привет, мир',
  'Καλημέρα',
  'שלום עולם',
  'مرحبا بالعالم',
  'नमस्ते दुनिया',
  'สวัสดีชาวโลก',
  '你好，世界',
  'こんにちは世界',
  '안녕하세요 세계',
  'é e\u0301 ộ o\u0323\u0302',
  'ΑΣ Straße İstanbul ǅ',
  '中AAAA中aA',
];

const character = fc
  .constantFrom(...RANGES)
  .chain(([first, last]) => fc.integer({ min: first, max: last }))
  .map((code) => String.fromCodePoint(code));
const run = fc.tuple(character, fc.integer({ min: 2, max: 12 })).map(([unit, times]) => unit.repeat(times));
const part = fc.oneof(
  { weight: 6, arbitrary: character },
  { weight: 2, arbitrary: run },
  { weight: 3, arbitrary: fc.constantFrom(...SPACES) },
  { weight: 2, arbitrary: fc.constantFrom(...CONTRACTIONS) },
  { weight: 1, arbitrary: fc.constantFrom(...SPECIAL) },
  { weight: 3, arbitrary: fc.constantFrom(...FRAGMENTS) },
);

/** Texts of all scripts of at most 60 code points: js-tiktoken's time is cubic. */
export const shortTexts = fc
  .array(part, { maxLength: 30, size: 'max' })
  .map((parts) => Array.from(parts.join('')).slice(0, 60).join(''));

/** A sequence of numbers from 0 to 1 that is the same in every run. */
function random(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function repeated(unit: string) {
  return (length: number) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
}

/** Text of code points picked from a range, or of characters picked from a string. */
function mixed(first: number | string, last = 0) {
  return (length: number) => {
    const next = random();
    const parts = Array.from({ length }, () =>
      typeof first === 'string'
        ? first.charAt(Math.floor(next() * first.length))
        : String.fromCodePoint(first + Math.floor(next() * (last + 1 - first))),
    );
    return parts.join('').slice(0, length);
  };
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const row = {
  id: 12_345,
  name: 'Ana Müller',
  mail: 'ana@example.com',
  score: 0.123_456_789,
  tags: ['a', 'bb'],
  ok: true,
};

/** Texts of any length that a slow encoder, or one that recurses, fails at. */
export const LONG_TEXTS: Readonly<Record<string, (length: number) => string>> = {
  'one lower-case letter': repeated('a'),
  'one capital': repeated('A'),
  'mixed case': repeated('aA'),
  'letter and digit': repeated('a1'),
  spaces: repeated(' '),
  newlines: repeated('\n'),
  'spaces and newlines': repeated(' \n'),
  tabs: repeated('\t'),
  'white space': mixed(' \t\n\r\u00a0\u3000'),
  'one digit': repeated('1'),
  digits: mixed('0123456789'),
  'one ideograph': repeated('中'),
  ideographs: mixed(0x4e00, 0x9fff),
  'ideographs and capitals': repeated(`中${'A'.repeat(500)}`),
  Thai: repeated('ที่นี่กำลังผู้ใหญ่'),
  'Thai letters and marks': mixed(0xe01, 0xe4e),
  'Cyrillic letters': mixed(0x430, 0x44f),
  'emoji with joiners': repeated('👩‍👩‍👧👍🏽'),
  emoji: mixed(0x1f300, 0x1f64f),
  exclamation: repeated('!'),
  apostrophes: repeated("'"),
  contractions: repeated("'ll's"),
  punctuation: mixed('!"#$%&()*+,-./:;<=>?@[]^_`{|}~'),
  'combining marks': repeated('\u0301'),
  'high surrogates': repeated('\ud800'),
  'low surrogates': repeated('\udc00'),
  'two letters': mixed('ab'),
  letters: mixed('abcdefghijklmnopqrstuvwxyz'),
  'Latin-1': mixed(0, 255),
  'UTF-16 units': mixed(0, 0xffff),
  base64: mixed(BASE64),
  JSON: repeated(JSON.stringify(row)),
  'special tokens': repeated('<|endoftext|>'),
};
