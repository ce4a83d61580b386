import { encodingForModel, isReasoningModel } from '../../src/tokens/model.ts';
import type { Reader } from '../../src/tokens/reader.ts';
import { loadTokenizer } from '../../src/tokens/tokenizer.ts';

/** A model of this name as prompts are counted for it. */
export async function readerOf(name: string): Promise<Reader> {
  const tokenizer = await loadTokenizer(encodingForModel(name));
  return { name, reasoning: isReasoningModel(name), tokens: (text) => tokenizer.count(text) };
}
