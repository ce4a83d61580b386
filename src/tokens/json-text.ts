import { asciiJson, stringEnd } from '../json.ts';

/** Whether a text is one of JSON. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // That is the answer.
    return false;
  }
}

/** A text of JSON without white space; any other text as it is. */
export function compactJson(text: string): string {
  return isJson(text) ? rewritten(text, withoutSpace, String) : text;
}

/** A value of JSON as Python writes it: a space after each separator, ASCII only. A text that is none as a string. */
export function pythonJson(text: string): string {
  if (!isJson(text)) return asciiJson(JSON.stringify(text));
  const spaced = (between: string) => withoutSpace(between).replace(/[:,]/g, '$& ');
  return asciiJson(rewritten(text, spaced, (literal) => JSON.stringify(JSON.parse(literal))));
}

/** A text of JSON, changed between its strings and in them. No regular expression: one can end in a long string. */
function rewritten(
  json: string,
  between: (text: string) => string,
  string: (literal: string) => string,
): string {
  let text = '';
  let at = 0;
  for (let open = json.indexOf('"'); open !== -1; open = json.indexOf('"', at)) {
    text += between(json.slice(at, open));
    at = stringEnd(json, open);
    text += string(json.slice(open, at));
  }
  return text + between(json.slice(at));
}

function withoutSpace(text: string): string {
  return text.replace(/\s+/g, '');
}

/** The JSON of a value; undefined where it has none: cyclic, too deep, a function, or one whose toJSON throws. */
export function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // The request cannot be encoded either.
    return undefined;
  }
}

/** The most tokens that the JSON of a value can have, a token being a byte or more: also of one that is cyclic or deep. */
export function jsonTokensBound(value: unknown): number {
  const seen = new WeakSet<object>();
  const open: unknown[] = [value];
  let bytes = 0;
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'string') bytes += 3 * next.length;
    // Quotes or brackets, a separator; digits.
    bytes += typeof next === 'number' ? 24 : 6;
    if (typeof next !== 'object' || next === null || seen.has(next)) continue;
    seen.add(next);
    for (const [key, member] of Object.entries(next)) {
      bytes += 3 * key.length + 6;
      open.push(member);
    }
  }
  return bytes;
}
