import type { TiktokenBPE } from 'js-tiktoken/lite';
import cl100k_base from 'js-tiktoken/ranks/cl100k_base';
import gpt2 from 'js-tiktoken/ranks/gpt2';
import o200k_base from 'js-tiktoken/ranks/o200k_base';
import p50k_base from 'js-tiktoken/ranks/p50k_base';
import p50k_edit from 'js-tiktoken/ranks/p50k_edit';
import r50k_base from 'js-tiktoken/ranks/r50k_base';
import { BytePairEncoder } from '../../src/tokens/bpe.ts';
import type { EncodingName } from '../../src/tokens/tokenizer.ts';
import { naiveCounter } from './naive.ts';

type Count = (text: string) => number;

export const TABLES: Readonly<Record<EncodingName, TiktokenBPE>> = {
  o200k_base,
  cl100k_base,
  p50k_base,
  p50k_edit,
  r50k_base,
  gpt2,
};

const counters = new Map<string, Count>();

/** Counts with the encoder under test. */
export function counterOf(encoding: EncodingName, blockTokens?: number): Count {
  return shared(`${encoding} ${blockTokens}`, () => {
    const encoder = new BytePairEncoder(TABLES[encoding], blockTokens);
    return (text) => encoder.count(text);
  });
}

export function naiveCounterOf(encoding: EncodingName): Count {
  return shared(`naive ${encoding}`, () => naiveCounter(TABLES[encoding]));
}

/** Made on first use: a naive counter takes a second. */
function shared(name: string, make: () => Count): Count {
  const counter = counters.get(name) ?? make();
  counters.set(name, counter);
  return counter;
}
