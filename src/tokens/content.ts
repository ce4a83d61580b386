import { type Fields, isFields, listOf } from '../json.ts';
import { audioPartTokens, isAudioPart } from './audio.ts';
import { filePartTokens } from './files.ts';
import { imagePartTokens, isImagePart } from './images.ts';
import type { Reader } from './reader.ts';
import { remembered } from './remembered.ts';

/** Shorter texts are counted faster than they are looked up. */
const WORTH_REMEMBERING = 200;

/** Tokens of a text; those of a longer one are remembered, because the next call of a conversation has it again. */
export function textTokens(text: string, model: Reader): number {
  return text.length < WORTH_REMEMBERING ? model.tokens(text) : remembered(model, text, model.tokens);
}

/** Tokens of a message's content: a text, a list of parts, or one part. Neighbouring texts are read as one. */
export function contentTokens(content: unknown, model: Reader): number {
  if (typeof content === 'string') return textTokens(content, model);
  // The screenshot of a computer call stands alone.
  const parts = isFields(content) ? [content] : listOf(content);
  let sum = 0;
  let text = '';
  for (const part of parts) {
    const read = textOfPart(part);
    if (read !== undefined) {
      text += read;
      continue;
    }
    if (text !== '') sum += textTokens(text, model);
    text = '';
    if (isFields(part)) sum += mediaTokens(part, model);
  }
  return text === '' ? sum : sum + textTokens(text, model);
}

/** The texts of a content as one. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  let text = '';
  for (const part of listOf(content)) text += textOfPart(part) ?? '';
  return text;
}

function textOfPart(part: unknown): string | undefined {
  if (!isFields(part)) return undefined;
  const text = part['text'] ?? part['refusal'];
  return typeof text === 'string' ? text : undefined;
}

function mediaTokens(part: Fields, model: Reader): number {
  if (isImagePart(part)) return imagePartTokens(model.name, part);
  if (isAudioPart(part)) return audioPartTokens(part);
  return filePartTokens(part);
}
