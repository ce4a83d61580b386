import { asciiJson } from '../json.ts';

/** A text of JSON, cut into what spacing does not change, white space, and separators. */
const PARTS = /"(?:[^"\\]|\\.)*"|\s+|[:,]/g;

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
  return isJson(text) ? text.replace(PARTS, (part) => (/^\s/.test(part) ? '' : part)) : text;
}

/** A value of JSON as Python writes it: a space after each separator, ASCII only. A text that is none as a string. */
export function pythonJson(text: string): string {
  if (!isJson(text)) return asciiJson(JSON.stringify(text));
  const spaced = text.replace(PARTS, (part) => {
    if (/^\s/.test(part)) return '';
    return part.length === 1 ? `${part} ` : JSON.stringify(JSON.parse(part));
  });
  return asciiJson(spaced);
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
