/** The rank of bytes that are no token. */
export const NONE = -1;

/** All tokens and a hash table of them, in flat arrays: a Map takes several times the memory and the time to build. */
export class Ranks {
  /** Bytes of the longest token. */
  readonly longest: number;
  readonly #bytes: Uint8Array;
  /** The token of rank r is #bytes from #ends[r] to #ends[r + 1]. */
  readonly #ends: Int32Array;
  /** Rank + 1 of a token, at its hash or in the next slot that was free; 0 is free. At least half of them are. */
  readonly #slots: Int32Array;

  constructor(table: string) {
    const { bytes, ends, longest } = decode(table);
    this.longest = longest;
    this.#bytes = bytes;
    this.#ends = ends;
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * ends.length)));
    for (let i = 1; i < ends.length; i++) this.#slots[this.#slot(bytes, ends[i - 1] ?? 0, ends[i] ?? 0)] = i;
  }

  /** The rank of the token of these bytes; NONE if they are not one. */
  find(bytes: Uint8Array, from: number, to: number): number {
    return to - from > this.longest ? NONE : (this.#slots[this.#slot(bytes, from, to)] ?? 0) - 1;
  }

  /** Where a token is, or would be put. */
  #slot(bytes: Uint8Array, from: number, to: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(bytes, from, to) & mask;
    while (!this.#isSlotOf(slot, bytes, from, to)) slot = (slot + 1) & mask;
    return slot;
  }

  #isSlotOf(slot: number, bytes: Uint8Array, from: number, to: number): boolean {
    const token = this.#slots[slot] ?? 0;
    if (token === 0) return true;
    const start = this.#ends[token - 1] ?? 0;
    if ((this.#ends[token] ?? 0) - start !== to - from) return false;
    for (let i = 0; i < to - from; i++) {
      if (this.#bytes[start + i] !== bytes[from + i]) return false;
    }
    return true;
  }
}

/** Reads lines of `! <rank of the first> <base64> <base64> ...`. They are in order of rank, and only the order counts. */
function decode(table: string): { bytes: Uint8Array; ends: Int32Array; longest: number } {
  const bytes = new Uint8Array(table.length);
  const ends = [0];
  let longest = 0;
  let end = 0;
  for (const line of table.split('\n')) {
    for (let from = line.indexOf(' ', 2) + 1, to = 0; from < line.length; from = to + 1) {
      to = line.indexOf(' ', from);
      if (to === -1) to = line.length;
      const token = atob(line.slice(from, to));
      for (let i = 0; i < token.length; i++) bytes[end++] = token.charCodeAt(i);
      ends.push(end);
      longest = Math.max(longest, token.length);
    }
  }
  return { bytes: bytes.slice(0, end), ends: Int32Array.from(ends), longest };
}

function hash(bytes: Uint8Array, from: number, to: number): number {
  let h = 0;
  for (let i = from; i < to; i++) h = Math.imul(h ^ (bytes[i] ?? 0), 0x9e3779b1);
  return h ^ (h >>> 15);
}
