import { type Fields, isFields, listOf, textOf } from '../json.ts';
import { type Bytes, base64Bytes, hasText, littleEndian } from './base64.ts';

/** Tokens of a second of audio that the user sends, from the API's guide to the costs of audio; seen in recordings. */
export const AUDIO_TOKENS_PER_SECOND = 10;
/** Text tokens that frame an audio part; seen in recordings. */
const PER_AUDIO_PART = 4;
/**
 * The fewest bytes that a second takes: uncompressed at 8 kHz and 8 bits (telephony), MP3 and AAC at 32 kbit/s, Opus
 * at 16 kbit/s (voice notes).
 */
const LEAST_BYTES_PER_SECOND = { uncompressed: 8_000, compressed: 4_000, opus: 2_000 };
/** Chunks of a WAV file that may come before its format. */
const MOST_CHUNKS = 100;

export function isAudioPart(part: Fields): boolean {
  return part['input_audio'] !== undefined;
}

/** Tokens of the audio of an `input_audio` part. */
function audioTokens(part: Fields): number {
  const audio = part['input_audio'];
  if (!isFields(audio) || typeof audio['data'] !== 'string') return 0;
  const file = base64Bytes(audio['data']);
  const bytesPerSecond = wavBytesPerSecond(file) ?? leastBytesPerSecond(textOf(audio['format']));
  return Math.ceil((file.length / bytesPerSecond) * AUDIO_TOKENS_PER_SECOND);
}

/** Tokens of the audio in all messages of a prompt: what is billed at the rate of audio. */
export function promptAudioTokens(messages: unknown): number {
  let sum = 0;
  for (const message of listOf(messages)) {
    if (!isFields(message)) continue;
    for (const part of listOf(message['content'])) {
      if (isFields(part) && isAudioPart(part)) sum += audioTokens(part);
    }
  }
  return sum;
}

/** Prompt tokens of an `input_audio` part: its audio and what frames it. */
export function audioPartTokens(part: Fields): number {
  return audioTokens(part) + PER_AUDIO_PART;
}

/** A bound for a file of which no more is known than its type or name. */
export function leastBytesPerSecond(type: string): number {
  if (/wav|pcm/i.test(type)) return LEAST_BYTES_PER_SECOND.uncompressed;
  return LEAST_BYTES_PER_SECOND[/opus|ogg|oga|webm/i.test(type) ? 'opus' : 'compressed'];
}

/** What the header of a WAV file says of itself, whatever its encoding; undefined for any other file. */
function wavBytesPerSecond(file: Bytes): number | undefined {
  if (!hasText(file, 0, 'RIFF') || !hasText(file, 8, 'WAVE')) return undefined;
  let index = 12;
  for (let count = 0; count < MOST_CHUNKS && index < file.length; count++) {
    if (hasText(file, index, 'fmt ')) return plausible(littleEndian(file, index + 16, 4));
    // Chunks are padded to an even length.
    index += 8 + Math.ceil(littleEndian(file, index + 4, 4) / 2) * 2;
  }
  return undefined;
}

/** No more than eight channels of 192 kHz and 32 bits: a file that claims more would count as too short. */
function plausible(bytesPerSecond: number): number | undefined {
  return bytesPerSecond >= 1 && bytesPerSecond <= 8 * 192_000 * 4 ? bytesPerSecond : undefined;
}
