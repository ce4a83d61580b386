import type { EncodingName } from './tokenizer.ts';

const CURRENT: EncodingName = 'o200k_base';

/** The older families, the first that matches. All others have the current encoding. */
const FAMILIES: readonly (readonly [family: RegExp, encoding: EncodingName])[] = [
  [/^gpt-4(-|$)|^gpt-3\.?5|embedding|^(davinci|babbage)-002/, 'cl100k_base'],
  [/^(text|code)-davinci-edit-/, 'p50k_edit'],
  [/^text-davinci-00[23]|^code-(?!search-)|^(davinci|cushman)-codex/, 'p50k_base'],
  [/^((text|code)-)?((search|similarity)-)?(davinci|curie|babbage|ada)(-|$)/, 'r50k_base'],
  [/^gpt-?2$/, 'gpt2'],
];

/** o1 and later, gpt-5 and later, but for their chat variants. Of two digits, 35 is Azure's spelling of 3.5. */
const REASONING = /^(?!.*-chat)(o\d+(-|$)|gpt-([5-9]|[12]\d)(?!\d))/;

/**
 * The encoding of a model by its family, of any name: fine-tuned (`ft:gpt-4o-mini:org::id`), with a provider
 * (`openai/gpt-5`), in capitals. `o200k_base` for an unknown or empty name.
 */
export function encodingForModel(model: string): EncodingName {
  const name = baseModel(model);
  return FAMILIES.find(([family]) => family.test(name))?.[1] ?? CURRENT;
}

/** Whether a model spends completion tokens on reasoning. False for an unknown or empty name. */
export function isReasoningModel(model: string): boolean {
  return REASONING.test(baseModel(model));
}

/** Between the provider or `ft:` and the first colon. */
export function baseModel(model: string): string {
  return /^(?:[^:]*\/)?(?:ft:)?([^:]*)/.exec(model.toLowerCase())?.[1] ?? '';
}
