import { type Place, PolicyImportError, quoted } from '../../import/errors.ts';

export interface Token {
  readonly kind: 'name' | 'number' | 'text' | 'sign' | 'end';
  /** The name, the number's digits, the text itself, or the sign. */
  readonly text: string;
  readonly place: Place;
}

/** Where the n-th character of an expression stands. */
export type PlaceAt = (index: number) => Place;

const NAME = String.raw`[\p{L}_][\p{L}\p{Nd}_]*`;
const SIGN = String.raw`\?\.(?!\d)|\?\[|\?\?|=>|==|!=|<=|>=|&&|\|\||[-+*/%<>=!?:.,;()[\]{}]`;
const TOKEN = new RegExp(
  [
    String.raw`(?<space>\s+|//[^\n]*|/\*[\s\S]*?\*/)`,
    String.raw`(?<number>\d+(?:\.\d+)?)(?![\p{L}\d_])`,
    `(?<name>${NAME})`,
    '@"(?<verbatim>(?:[^"]|"")*)"',
    String.raw`"(?<string>(?:[^"\\\n]|\\.)*)"`,
    String.raw`'(?<character>[^'\\\n]|\\.[^'\n]*)'`,
    `(?<sign>${SIGN})`,
  ].join('|'),
  'uy',
);

/** @throws PolicyImportError for what is no token of the subset of C# */
export function tokensOf(source: string, placeAt: PlaceAt): readonly Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < source.length) {
    const at = pattern.lastIndex;
    const place = placeAt(at);
    const groups = pattern.exec(source)?.groups;
    if (groups === undefined)
      throw new PolicyImportError(
        place,
        `${quoted(source.slice(at, at + 1))} is not understood in an expression`,
      );
    const token = tokenOf(groups, place);
    if (token !== undefined) tokens.push(token);
  }
  tokens.push({ kind: 'end', text: '', place: placeAt(source.length) });
  return tokens;
}

function tokenOf(groups: Record<string, string | undefined>, place: Place): Token | undefined {
  const { name, number, verbatim, string, character, sign } = groups;
  if (name !== undefined) return { kind: 'name', text: name, place };
  if (number !== undefined) return { kind: 'number', text: number, place };
  if (verbatim !== undefined) return { kind: 'text', text: verbatim.replaceAll('""', '"'), place };
  const quoted = string ?? character;
  if (quoted !== undefined) return { kind: 'text', text: unescaped(quoted, place), place };
  return sign === undefined ? undefined : { kind: 'sign', text: sign, place };
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '0': '\0',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

function unescaped(text: string, place: Place): string {
  return text.replace(/\\u([\da-f]{4})|\\(.)/giu, (whole, hex: string | undefined, letter: string) => {
    const character = hex === undefined ? ESCAPES[letter] : String.fromCharCode(Number.parseInt(hex, 16));
    if (character !== undefined) return character;
    throw new PolicyImportError(place, `${quoted(whole)} is no escape of a string`);
  });
}
