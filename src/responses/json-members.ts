import { stringEnd } from '../json.ts';

/** One member of a JSON object, not parsed until it is asked for. Holds on to the text it was found in. */
export interface JsonMember {
  /** The parsed value; undefined when it is malformed or longer than 1 MB. */
  value(): unknown;
  /** The number of elements of an array, counted without parsing; 0 for anything else. */
  elements(): number;
}

const MAX_PARSED = 1024 * 1024;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const BOM = 0xfeff;
/** `[` and `{` differ in this bit only, and so do `]` and `}`. */
const CASE_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const CLOSE_ARRAY = 0x5d;
const STRUCTURE = /["[\]{}]/g;

/**
 * The named top-level members of a JSON object, found by one scan that parses nothing. The last of several
 * members with one key wins, as with `JSON.parse`. Never throws: a malformed text gives what precedes the fault.
 */
export function jsonMembers(text: string, names: ReadonlySet<string>): Map<string, JsonMember> {
  const members = new Map<string, JsonMember>();
  const open = skipSpace(text, text.charCodeAt(0) === BOM ? 1 : 0);
  if (text[open] === '{')
    readMembers(text, open + 1, (name, member) => names.has(name) && members.set(name, member));
  return members;
}

/**
 * The same for one member of a valid text, if only short ones follow it, as they do the usage in the API's answers:
 * reads from its last mention to the end. Undefined if what follows is not just the rest of the whole object: then the
 * mention was deeper down, and `jsonMembers` tells.
 */
export function jsonMemberNearEnd(text: string, name: string): JsonMember | undefined {
  const key = text.lastIndexOf(`"${name}"`);
  if (key === -1 || text.charCodeAt(key - 1) === BACKSLASH) return undefined;
  let found: JsonMember | undefined;
  const end = readMembers(text, key, (other, member) => {
    if (other === name) found = member;
  });
  return text[end] === '}' && skipSpace(text, end + 1) === text.length ? found : undefined;
}

/** Reads members from before a key on. Returns where they end, or where the text is at fault. */
function readMembers(text: string, from: number, tell: (name: string, member: JsonMember) => void): number {
  for (let at = from; ; at += 1) {
    const key = skipSpace(text, at);
    const keyEnd = stringEnd(text, key);
    const colon = skipSpace(text, keyEnd);
    if (keyEnd === -1 || text.charCodeAt(colon) !== COLON) return key;
    const start = skipSpace(text, colon + 1);
    const end = valueEnd(text, start);
    if (end === -1) return start;
    const name = unquote(text.slice(key, keyEnd));
    if (name !== undefined) tell(name, new Slice(text, start, end));
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== COMMA) return at;
  }
}

class Slice implements JsonMember {
  readonly #text: string;
  readonly #start: number;
  readonly #end: number;

  constructor(text: string, start: number, end: number) {
    this.#text = text;
    this.#start = start;
    this.#end = end;
  }

  value(): unknown {
    if (this.#end - this.#start > MAX_PARSED) return undefined;
    return parsed(this.#text.slice(this.#start, this.#end));
  }

  elements(): number {
    if (this.#text[this.#start] !== '[') return 0;
    let count = 0;
    let at = skipSpace(this.#text, this.#start + 1);
    if (this.#text.charCodeAt(at) === CLOSE_ARRAY) return 0;
    for (let end = valueEnd(this.#text, at); end !== -1; end = valueEnd(this.#text, at)) {
      count += 1;
      at = skipSpace(this.#text, end);
      if (this.#text.charCodeAt(at) !== COMMA) break;
      at = skipSpace(this.#text, at + 1);
    }
    return count;
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function unquote(quoted: string): string | undefined {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  const key = parsed(quoted);
  return typeof key === 'string' ? key : undefined;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** The index after the value that starts at `start`, -1 when it has no end. */
function valueEnd(text: string, start: number): number {
  const code = text.charCodeAt(start);
  if (code === QUOTE) return stringEnd(text, start);
  return (code | CASE_BIT) === OPEN ? containerEnd(text, start) : scalarEnd(text, start);
}

/** Counts depth only: whether the brackets match is for whoever parses the slice. */
function containerEnd(text: string, open: number): number {
  let depth = 0;
  let at = open;
  while (at !== -1) {
    const code = text.charCodeAt(at);
    if ((code | CASE_BIT) === CLOSE && --depth === 0) return at + 1;
    if ((code | CASE_BIT) === OPEN) depth += 1;
    const next = code === QUOTE ? stringEnd(text, at) : at + 1;
    at = next === -1 ? -1 : nextStructure(text, next);
  }
  return -1;
}

/** A loop is fast where brackets are dense, the regexp (SIMD in V8) where numbers fill the space between them. */
function nextStructure(text: string, from: number): number {
  const near = Math.min(from + 16, text.length);
  for (let at = from; at < near; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE || (code | CASE_BIT) === OPEN || (code | CASE_BIT) === CLOSE) return at;
  }
  STRUCTURE.lastIndex = near;
  return STRUCTURE.test(text) ? STRUCTURE.lastIndex - 1 : -1;
}

/** A number or a word. One that the text's end cuts off has no end: `12` may have been `123`. */
function scalarEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === COMMA || (code | CASE_BIT) === CLOSE || isSpace(code)) return at === start ? -1 : at;
  }
  return -1;
}
