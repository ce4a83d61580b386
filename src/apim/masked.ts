import { type Place, PolicyImportError } from '../import/errors.ts';

/** What XML reads as markup but C# does not mean so. */
const MARKUP = ['<', '>', '&', '"', "'"] as const;
const ENTITY = /&(?:amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);/iy;

/**
 * A policy document as well-formed XML. Its expressions hold markup of their own, such as `"@(a["n"] < 2 && b)"`: each
 * such character is replaced by one that is used nowhere else, so every offset, line and column stays what it was.
 */
export interface Masked {
  readonly xml: string;
  /** The text as it was. */
  unmask(text: string): string;
}

/** @throws PolicyImportError for an expression that does not end */
export function maskExpressions(source: string): Masked {
  const stand = standIns(source);
  const units = source.split('');
  for (const [start, end] of expressionsOf(source)) {
    for (let i = start; i < end; i++) {
      const character = stand.get(units[i] ?? '');
      if (character === undefined || (units[i] === '&' && isEntity(source, i))) continue;
      units[i] = character;
    }
  }
  const back = new Map([...stand].map(([markup, character]) => [character, markup]));
  const pattern = new RegExp(`[${[...back.keys()].join('')}]`, 'g');
  return {
    xml: units.join(''),
    unmask: (text) => text.replace(pattern, (character) => back.get(character) ?? character),
  };
}

/** Line and column of an offset, from 1. */
export function placeAt(source: string, offset: number, element: string): Place {
  const before = source.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n'), element };
}

/** Characters of the private use area that the text does not hold. */
function standIns(source: string): Map<string, string> {
  const stand = new Map<string, string>();
  let code = 0xe000;
  for (const markup of MARKUP) {
    while (source.includes(String.fromCharCode(code))) code++;
    stand.set(markup, String.fromCharCode(code++));
  }
  return stand;
}

function isEntity(source: string, at: number): boolean {
  ENTITY.lastIndex = at;
  return ENTITY.test(source);
}

/** From `@` to behind the closing bracket, of every expression that is a value or the text of an element. */
function expressionsOf(source: string): [start: number, end: number][] {
  const found: [number, number][] = [];
  const next = /<!--[\s\S]*?(?:-->|$)|<!\[CDATA\[[\s\S]*?(?:\]\]>|$)|["'>]\s*@[({]/g;
  for (let match = next.exec(source); match !== null; match = next.exec(source)) {
    if (match[0].startsWith('<')) continue;
    const start = match.index + match[0].length - 2;
    const end = endOf(source, start);
    found.push([start, end]);
    next.lastIndex = end;
  }
  return found;
}

/** Brackets, and what holds brackets that do not count: strings, verbatim strings, characters, comments. */
const PIECE = new RegExp(
  [
    '@"(?:[^"]|"")*"',
    '@&quot;(?:(?!&quot;)[\\s\\S]|&quot;&quot;)*&quot;',
    '"(?:[^"\\\\]|\\\\[\\s\\S])*"',
    '&quot;(?:(?!&quot;)[^\\\\]|\\\\[\\s\\S])*&quot;',
    "'(?:[^'\\\\]|\\\\[^'][^']{0,8}|\\\\')'",
    '//[^\n]*',
    '/\\*[\\s\\S]*?\\*/',
    '[(){}[\\]]',
  ].join('|'),
  'g',
);

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '{': '}', '[': ']' };

/** The offset behind the bracket that closes the expression which starts with its `@` at `start`. */
function endOf(source: string, start: number): number {
  const open: string[] = [];
  const piece = new RegExp(PIECE);
  piece.lastIndex = start + 1;
  for (let match = piece.exec(source); match !== null; match = piece.exec(source)) {
    const [text] = match;
    const closing = CLOSING[text];
    if (closing !== undefined) open.push(closing);
    else if (text === open.at(-1)) open.pop();
    else if (text.length === 1) break;
    if (open.length === 0) return piece.lastIndex;
  }
  throw new PolicyImportError(
    placeAt(source, start, 'expression'),
    'the brackets of the expression do not match',
  );
}
