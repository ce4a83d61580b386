import type { Reader } from './reader.ts';

/** UTF-16 units of texts that are kept, twice: in the generation that fills, and in the one before. */
const MOST_UNITS = 2_000_000;
/** What an entry takes beyond its text, in those units. */
const PER_ENTRY = 50;

interface Generation {
  readonly counts: WeakMap<Reader, Map<string, number>>;
  units: number;
}

const empty = (): Generation => ({ counts: new WeakMap(), units: 0 });
let young = empty();
let old = empty();

/**
 * A count that was made before for the same model and text, else made now. Texts that are asked for again stay; others
 * are forgotten when twice 2 million units came after them, so a stream of new texts cannot grow the memory.
 */
export function remembered(model: Reader, text: string, count: (text: string) => number): number {
  const found = young.counts.get(model)?.get(text);
  if (found !== undefined) return found;
  const tokens = old.counts.get(model)?.get(text) ?? count(text);
  keep(model, text, tokens);
  return tokens;
}

function keep(model: Reader, text: string, tokens: number): void {
  const units = text.length + PER_ENTRY;
  if (units > MOST_UNITS / 4) return;
  if (young.units + units > MOST_UNITS) {
    old = young;
    young = empty();
  }
  let counts = young.counts.get(model);
  if (counts === undefined) {
    counts = new Map();
    young.counts.set(model, counts);
  }
  counts.set(text, tokens);
  young.units += units;
}
