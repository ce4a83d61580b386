import type { TiktokenBPE } from 'js-tiktoken/lite';

const NEVER = Infinity;

/** Byte-pair encoding as it is defined: strings in a Map, and a look at all pairs before each merge. Quadratic. */
export function naiveCounter(table: TiktokenBPE): (text: string) => number {
  const ranks = ranksOf(table);
  return (text) => {
    let sum = 0;
    for (const [piece] of text.matchAll(new RegExp(table.pat_str, 'gu'))) {
      const bytes = Buffer.from(piece, 'utf8').toString('latin1');
      sum += ranks.has(bytes) ? 1 : mergedLength(bytes, ranks);
    }
    return sum;
  };
}

function ranksOf(table: TiktokenBPE): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  for (const line of table.bpe_ranks.split('\n')) {
    const [, first, ...tokens] = line.split(' ');
    for (const [i, token] of tokens.entries()) {
      ranks.set(Buffer.from(token, 'base64').toString('latin1'), Number(first) + i);
    }
  }
  return ranks;
}

function mergedLength(bytes: string, ranks: ReadonlyMap<string, number>): number {
  const parts = [...bytes];
  const rankAt = (i: number) => ranks.get(`${parts[i]}${parts[i + 1]}`) ?? NEVER;
  const pairs = parts.slice(1).map((_, i) => rankAt(i));
  for (;;) {
    const lowest = pairs.reduce((low, rank) => Math.min(low, rank), NEVER);
    if (lowest === NEVER) return parts.length;
    const at = pairs.indexOf(lowest);
    parts.splice(at, 2, `${parts[at]}${parts[at + 1]}`);
    pairs.splice(at, 1);
    if (at > 0) pairs[at - 1] = rankAt(at - 1);
    if (at < pairs.length) pairs[at] = rankAt(at);
  }
}
