import { getEncodingNameForModel, type TiktokenModel } from 'js-tiktoken/lite';
import { describe, expect, it } from 'vitest';
import { encodingForModel, isReasoningModel } from '../../src/tokens/model.ts';
import type { EncodingName } from '../../src/tokens/tokenizer.ts';

const MODELS: Readonly<Record<EncodingName, readonly string[]>> = {
  o200k_base: [
    'gpt-4o gpt-4o-mini gpt-4o-2024-11-20 gpt-4o-audio-preview gpt-4o-mini-transcribe chatgpt-4o-latest',
    'gpt-4.1 gpt-4.1-nano gpt-4.5-preview gpt-5 gpt-5-mini gpt-5.1-codex gpt-5-chat-latest gpt-5.2-pro gpt-6 gpt-10-mini',
    'o1 o1-mini o1-pro o3 o3-mini o3-deep-research o4-mini-2025-04-16 o5 gpt-oss-120b gpt-image-1 codex-mini-latest',
    'computer-use-preview gpt-realtime gpt-audio chatgpt-image-latest ft:gpt-4o-mini:org::id ft:gpt-4.1:org:a/b:id',
    'openai/gpt-4o azure/openai/gpt-5 openai/ft:gpt-4o:org::id GPT-4o openai/gpt-4o:extended models/o3',
    'whisper-1 tts-1 dall-e-3 omni-moderation-latest my-deployment ada2 gpt-4ever llama-3-70b davinci3 / : ft:',
  ],
  cl100k_base: [
    'gpt-4 gpt-4-0613 gpt-4-32k gpt-4-turbo-2024-04-09 gpt-4-vision-preview gpt-4-1106-preview GPT-4',
    'gpt-3.5-turbo gpt-3.5-turbo-instruct gpt-35-turbo gpt-35-turbo-16k-0613 openai/gpt-3.5-turbo azure/gpt-4',
    'text-embedding-ada-002 text-embedding-3-small text-embedding-3-large davinci-002 babbage-002',
    'ft:gpt-3.5-turbo-0125:org:name:id ft:davinci-002:org::id ft:gpt-4-0613:org::id',
  ],
  p50k_base: [
    'text-davinci-002 text-davinci-003 code-davinci-002 code-cushman-001 davinci-codex cushman-codex',
  ],
  p50k_edit: ['text-davinci-edit-001 code-davinci-edit-001'],
  r50k_base: [
    'davinci curie babbage ada text-davinci-001 text-curie-001 text-ada-001 davinci-instruct-beta',
    'text-similarity-curie-001 text-search-ada-doc-001 code-search-babbage-code-001 ada:ft-org-2023-01-01-00-00-00',
  ],
  gpt2: ['gpt2 gpt-2'],
};

/** All names that js-tiktoken knows, but for two that it knows otherwise. */
const TIKTOKEN_MODELS = [
  'text-davinci-003 text-davinci-002 text-davinci-001 text-curie-001 text-babbage-001 text-ada-001',
  'davinci curie babbage ada code-davinci-002 code-davinci-001 code-cushman-002 code-cushman-001',
  'davinci-codex cushman-codex text-davinci-edit-001 code-davinci-edit-001 text-embedding-ada-002',
  'text-embedding-3-small text-embedding-3-large text-similarity-davinci-001 text-similarity-curie-001',
  'text-similarity-babbage-001 text-similarity-ada-001 text-search-davinci-doc-001',
  'text-search-curie-doc-001 text-search-babbage-doc-001 text-search-ada-doc-001',
  'code-search-babbage-code-001 code-search-ada-code-001 gpt2 gpt-3.5-turbo gpt-35-turbo',
  'gpt-3.5-turbo-0301 gpt-3.5-turbo-0613 gpt-3.5-turbo-1106 gpt-3.5-turbo-0125 gpt-3.5-turbo-16k',
  'gpt-3.5-turbo-16k-0613 gpt-3.5-turbo-instruct gpt-3.5-turbo-instruct-0914 gpt-4 gpt-4-0314 gpt-4-0613',
  'gpt-4-32k gpt-4-32k-0314 gpt-4-32k-0613 gpt-4-turbo gpt-4-turbo-2024-04-09 gpt-4-turbo-preview',
  'gpt-4-1106-preview gpt-4-0125-preview gpt-4-vision-preview gpt-4o gpt-4o-2024-05-13 gpt-4o-2024-08-06',
  'gpt-4o-2024-11-20 gpt-4o-mini-2024-07-18 gpt-4o-mini gpt-4o-search-preview',
  'gpt-4o-search-preview-2025-03-11 gpt-4o-mini-search-preview gpt-4o-mini-search-preview-2025-03-11',
  'gpt-4o-audio-preview gpt-4o-audio-preview-2024-12-17 gpt-4o-audio-preview-2024-10-01',
  'gpt-4o-mini-audio-preview gpt-4o-mini-audio-preview-2024-12-17 o1 o1-2024-12-17 o1-mini',
  'o1-mini-2024-09-12 o1-preview o1-preview-2024-09-12 o1-pro o1-pro-2025-03-19 o3 o3-2025-04-16 o3-mini',
  'o3-mini-2025-01-31 o4-mini o4-mini-2025-04-16 chatgpt-4o-latest gpt-4o-realtime',
  'gpt-4o-realtime-preview-2024-10-01 gpt-4o-realtime-preview-2024-12-17 gpt-4o-mini-realtime-preview',
  'gpt-4o-mini-realtime-preview-2024-12-17 gpt-4.1 gpt-4.1-2025-04-14 gpt-4.1-mini',
  'gpt-4.1-mini-2025-04-14 gpt-4.1-nano gpt-4.1-nano-2025-04-14 gpt-4.5-preview',
  'gpt-4.5-preview-2025-02-27 gpt-5 gpt-5-2025-08-07 gpt-5-nano gpt-5-nano-2025-08-07 gpt-5-mini',
  'gpt-5-mini-2025-08-07 gpt-5-chat-latest',
]
  .join(' ')
  .split(' ') as TiktokenModel[];

describe('encodingForModel', () => {
  for (const [encoding, lines] of Object.entries(MODELS)) {
    it.each(lines.flatMap((line) => line.split(' ')))(`%s is ${encoding}`, (model) => {
      expect(encodingForModel(model)).toBe(encoding);
    });
  }

  it.each(['davinci-002', 'babbage-002'] as const)('%s is what tiktoken says, not js-tiktoken', (model) => {
    expect(encodingForModel(model)).toBe('cl100k_base');
    expect(getEncodingNameForModel(model)).not.toBe('cl100k_base');
  });

  it('takes the current encoding for an empty name', () => {
    expect(encodingForModel('')).toBe('o200k_base');
  });

  it.each(TIKTOKEN_MODELS)('%s is what js-tiktoken says', (model) => {
    expect(encodingForModel(model)).toBe(getEncodingNameForModel(model));
  });
});

describe('isReasoningModel', () => {
  const reasoning = [
    'o1 o1-mini o1-preview o1-pro-2025-03-19 o3 o3-mini o3-deep-research o4-mini o10 gpt-5 gpt-5-mini gpt-5-2025-08-07',
    'gpt-5.1 gpt-5.1-codex-max gpt-5-pro gpt-6 gpt-6.5-nano gpt-10 openai/gpt-5 openai/o3 ft:o4-mini:org::id',
    'openai/ft:gpt-5:org::id ft:gpt-5:my-chat:bot-chat:id GPT-5 O1',
  ];
  const plain = [
    'gpt-4 gpt-4o gpt-4o-mini gpt-4.1 gpt-4.5-preview gpt-3.5-turbo gpt-35-turbo gpt-35-turbo-16k chatgpt-4o-latest',
    'gpt-5-chat gpt-5-chat-latest gpt-5.2-chat-latest openai/gpt-5-chat text-embedding-3-small davinci-002 o o-1 omni',
    'gpt-image-1 whisper-1 my-o1 ft:gpt-4o:o1::o3 o1x gpt-',
  ];

  it.each(reasoning.flatMap((line) => line.split(' ')))('%s does', (model) => {
    expect(isReasoningModel(model)).toBe(true);
  });

  it.each([...plain.flatMap((line) => line.split(' ')), ''])('%s does not', (model) => {
    expect(isReasoningModel(model)).toBe(false);
  });
});
