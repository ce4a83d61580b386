import type { TiktokenBPE } from 'js-tiktoken/lite';
import { NONE, Ranks } from './ranks.ts';

/** Bytes merged at once, in lengths of the longest token: far more than merges reach, small enough for the cache. */
const BLOCK_TOKENS = 16;
/** The share of a block, from its start, whose tokens are taken as settled; checked at the seam with the next. */
const SETTLED = 3 / 4;
/** A rank in an entry of the queue, which is rank * 2^32 + position: exact in a double, and in order. */
const RANK = 2 ** 32;

/** UTF-8 bytes of a text. It has no more tokens in any encoding: a token is a byte or more. Allocates nothing. */
export function tokenUpperBound(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = codeAt(text, i);
    if (code > 0xffff) i++;
    bytes += utf8Size(code);
  }
  return bytes;
}

/** Counts the tokens that tiktoken encodes a text to when it reads all of it as ordinary text. */
export class BytePairEncoder {
  readonly #pieces: RegExp;
  readonly #block: Block;

  /** @param blockTokens bytes merged at once, in lengths of the longest token; no count depends on it, tests set it */
  constructor(table: TiktokenBPE, blockTokens: number = BLOCK_TOKENS) {
    this.#pieces = new RegExp(table.pat_str, 'gu');
    const ranks = new Ranks(table.bpe_ranks);
    this.#block = new Block(ranks, blockTokens * ranks.longest);
  }

  /**
   * Tokens of a text, from 0 for an empty one, in linear time and constant memory. A special token such as
   * `<|endoftext|>` counts as the text that it is, a lone surrogate as U+FFFD. Never throws: from a run of one kind of
   * characters on that is too long for the regular expression (4 million in V8), it counts bytes, an upper bound.
   */
  count(text: string): number {
    const pieces = this.#pieces;
    let sum = 0;
    let from = 0;
    pieces.lastIndex = 0;
    try {
      while (pieces.test(text)) {
        sum += countPiece(text, from, pieces.lastIndex, this.#block);
        from = pieces.lastIndex;
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      sum += tokenUpperBound(text.slice(from));
    }
    return sum;
  }
}

/**
 * Tokens of a piece, merged block by block, by larger ones if a seam of two does not hold. It holds if merging the bytes
 * of the two tokens beside it gives just these two: then no merge crosses it in the whole piece either, because what is
 * merged between two borders does not depend on what is merged beyond them.
 */
function countPiece(text: string, from: number, to: number, block: Block): number {
  let sum = 0;
  let seam = 0;
  block.length = 0;
  for (let at = from; ; ) {
    at = block.fill(text, at, to);
    if (at === to && sum === 0 && block.ranks.find(block.bytes, 0, block.length) !== NONE) return 1;
    const { count, first, start, end } = block.merge(seam, at === to ? 1 : SETTLED);
    const holds = count > 0 && (seam === 0 || block.splitsAt(seam, first));
    if (!holds) return countPiece(text, from, to, new Block(block.ranks, 8 * block.size));
    sum += count;
    if (at === to) return sum;
    block.bytes.copyWithin(0, start, block.length);
    block.length -= start;
    seam = end - start;
  }
}

/** Bytes and the tokens that they merge to. Its memory is used again and again: counting allocates nothing. */
class Block {
  length = 0;
  readonly ranks: Ranks;
  readonly size: number;
  readonly bytes: Uint8Array;
  /** Of each token, by its first byte: where the next and the previous begin, and the rank of it and the next as one. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #pairRank: Int32Array;
  readonly #queue: Queue;

  constructor(ranks: Ranks, size: number) {
    const capacity = size + 3; // the last code point may begin on the last byte
    this.ranks = ranks;
    this.size = size;
    this.bytes = new Uint8Array(capacity);
    this.#next = new Int32Array(capacity + 1);
    this.#previous = new Int32Array(capacity + 1);
    this.#pairRank = new Int32Array(capacity);
    this.#queue = new Queue(2 * capacity);
  }

  /** Appends a part of a text in UTF-8. Returns where it stopped: at `to`, or before it if the block is full. */
  fill(text: string, from: number, to: number): number {
    let length = this.length;
    let i = from;
    for (; i < to && length < this.size; i++) {
      const code = codeAt(text, i);
      if (code > 0xffff) i++;
      if (code < 0x80) this.bytes[length++] = code;
      else length = writeUtf8(this.bytes, length, code);
    }
    this.length = length;
    return i;
  }

  /** Merges from `from` on. Of the tokens that end in a share of the block: how many, end of the first, span of the last. */
  merge(from: number, share: number): { count: number; first: number; start: number; end: number } {
    this.#merge(from, this.length);
    const first = this.#next[from] ?? 0;
    let count = 0;
    let end = from;
    for (let next = first; end < this.length && next <= share * this.length; next = this.#next[end] ?? 0) {
      end = next;
      count++;
    }
    return { count, first, start: this.#previous[end] ?? 0, end };
  }

  /** Whether merging the first `to` bytes leaves a first token of `seam` bytes. */
  splitsAt(seam: number, to: number): boolean {
    this.#merge(0, to);
    return this.#next[0] === seam;
  }

  /** Merges the two neighbours of lowest rank, the first of such, again and again until no two make a token. */
  #merge(from: number, to: number): void {
    for (let i = from; i <= to; i++) {
      this.#next[i] = i + 1;
      this.#previous[i] = i - 1;
    }
    for (let i = from; i < to; i++) this.#offer(i, to);
    for (let at = this.#queue.pop(); at !== NONE; at = this.#queue.pop()) {
      if (this.#pairRank[at] !== this.#queue.rank) continue; // one of the two has been merged since
      const taken = this.#next[at] ?? 0;
      const after = this.#next[taken] ?? 0;
      this.#pairRank[taken] = NONE;
      this.#next[at] = after;
      this.#previous[after] = at;
      this.#offer(at, to);
      if (at > from) this.#offer(this.#previous[at] ?? 0, to);
    }
  }

  /** Queues the token at `at` to be merged with the next, if the two make a token. */
  #offer(at: number, to: number): void {
    const middle = this.#next[at] ?? 0;
    const rank = middle < to ? this.ranks.find(this.bytes, at, this.#next[middle] ?? 0) : NONE;
    this.#pairRank[at] = rank;
    if (rank !== NONE) this.#queue.push(rank, at);
  }
}

/** A heap of positions, by rank, then from first to last. A merge takes one out and puts in two at most. */
class Queue {
  /** Of the position that was popped last. */
  rank = NONE;
  #size = 0;
  readonly #heap: Float64Array;

  constructor(capacity: number) {
    this.#heap = new Float64Array(capacity);
  }

  push(rank: number, position: number): void {
    const heap = this.#heap;
    const entry = rank * RANK + position;
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] ?? 0;
      if (above <= entry) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  pop(): number {
    if (this.#size === 0) return NONE;
    const heap = this.#heap;
    const top = heap[0] ?? 0;
    const size = --this.#size;
    const entry = heap[size] ?? 0;
    let i = 0;
    for (let child = 1; child < size; child = 2 * i + 1) {
      if (child + 1 < size && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child++;
      const below = heap[child] ?? 0;
      if (below >= entry) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = entry;
    this.rank = Math.floor(top / RANK);
    return top - this.rank * RANK;
  }
}

/** As codePointAt, but that of V8 reads past the end of a slice of a string, once compiled (seen in Node 24). */
function codeAt(text: string, i: number): number {
  const unit = text.charCodeAt(i);
  const next = (unit & 0xfc00) === 0xd800 ? text.charCodeAt(i + 1) : 0;
  return (next & 0xfc00) === 0xdc00 ? 0x10000 + ((unit & 0x3ff) << 10) + (next & 0x3ff) : unit;
}

function utf8Size(code: number): number {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/** Writes a code point; a lone surrogate as U+FFFD. Returns where it ends. */
function writeUtf8(bytes: Uint8Array, at: number, code: number): number {
  const size = utf8Size(code);
  let rest = code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
  for (let i = at + size - 1; i > at; i--) {
    bytes[i] = 0x80 | (rest & 0x3f);
    rest >>= 6;
  }
  bytes[at] = (0xf00 >> size) | rest; // as many leading ones as there are bytes; the high bits fall off
  return at + size;
}
