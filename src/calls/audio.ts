import { type Fields, isFields, textOf } from '../json.ts';
import { AUDIO_TOKENS_PER_SECOND, leastBytesPerSecond } from '../tokens/audio.ts';
import { boundOf, type Endpoint } from './endpoint.ts';

/** A file of unknown size counts as the longest that gpt-4o-transcribe takes. */
const LONGEST_SECONDS = 1_500;
/** Tokens that a second of audio may be written in: about as many as it is heard in, more with the speakers told apart. */
const OUTPUT_PER_SECOND = { plain: 10, diarized: 40 };
/** Bound on the audio tokens spoken for one character, at about 20 tokens and no fewer than 10 characters a second. */
const SPEECH_TOKENS_PER_CHARACTER = 2;

export const transcriptions: Endpoint = {
  path: '/audio/transcriptions',
  upload: true,
  estimate: ({ body }, { model }) => estimateListening(model.name, body, model.tokens),
  deliver(event, deliver) {
    if (typeof event['delta'] === 'string') deliver('text', event['delta']);
  },
};

export const translations: Endpoint = {
  path: '/audio/translations',
  upload: true,
  estimate: ({ body }, { model }) => estimateListening(model.name, body, model.tokens),
};

export const speech: Endpoint = {
  path: '/audio/speech',
  estimate({ body }, { model: { name: model, tokens } }) {
    const input = typeof body['input'] === 'string' ? body['input'] : '';
    const instructions = typeof body['instructions'] === 'string' ? body['instructions'] : '';
    // tts-1 is billed by the character, the gpt models by the token.
    if (model.startsWith('tts-')) {
      return { promptTokens: 0, completionTokens: 0, images: 0, characters: input.length };
    }
    return {
      promptTokens: tokens(input) + tokens(instructions),
      completionTokens: input.length * SPEECH_TOKENS_PER_CHARACTER,
      images: 0,
      characters: input.length,
    };
  },
};

function estimateListening(model: string, body: Fields, tokens: (text: string) => number) {
  const seconds = durationBound(body['file']);
  // whisper-1 is billed by the second, and reports seconds only.
  if (model.startsWith('whisper')) return { promptTokens: 0, completionTokens: 0, images: 0, seconds };
  const audioPromptTokens = Math.ceil(seconds * AUDIO_TOKENS_PER_SECOND);
  const prompt = typeof body['prompt'] === 'string' ? tokens(body['prompt']) : 0;
  const rate = OUTPUT_PER_SECOND[model.includes('diarize') ? 'diarized' : 'plain'];
  return {
    promptTokens: audioPromptTokens + prompt,
    completionTokens: Math.ceil(seconds * rate),
    images: 0,
    audioPromptTokens,
    seconds,
  };
}

/** Seconds that a file may last, by its size. */
function durationBound(file: unknown): number {
  const size = isFields(file) ? boundOf(file['size']) : undefined;
  if (!isFields(file) || size === undefined) return LONGEST_SECONDS;
  return size / leastBytesPerSecond(`${textOf(file['type'])} ${textOf(file['name'])}`);
}
