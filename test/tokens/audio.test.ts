import fc from 'fast-check';
import { expect, test } from 'vitest';
import { audioPartTokens, leastBytesPerSecond, promptAudioTokens } from '../../src/tokens/audio.ts';
import { filePartTokens } from '../../src/tokens/files.ts';
import { ascii, base64, little, wav } from './media-files.ts';

const part = (data: unknown, format: unknown) => ({ type: 'input_audio', input_audio: { data, format } });
const LIST = [...ascii('LIST'), ...little(3, 4), 1, 2, 3, 0];

/** Ten tokens a second, and the four that frame the part. */
test.each<[string, unknown, unknown, number]>([
  ['WAV by its own rate', base64(wav(32_000, 32_000 * 3)), 'wav', 34],
  ['a rate behind another chunk', base64(wav(48_000, 48_000 * 3, LIST)), 'wav', 34],
  ['the header counts, not the format named', base64(wav(32_000, 32_000 * 3)), 'mp3', 34],
  ['a rate of 0: as telephony', base64(wav(0, 24_000)), 'wav', 34],
  ['an impossible rate', base64(wav(4e9, 24_000)), 'wav', 34],
  ['no WAV header', base64(new Array(24_000).fill(1)), 'wav', 34],
  ['a header cut short', base64(wav(32_000, 300).slice(0, 18)), 'wav', 5],
  ['MP3 at 32 kbit/s', base64(new Array(12_000).fill(1)), 'mp3', 34],
  ['Opus at 16 kbit/s', base64(new Array(6_000).fill(1)), 'opus', 34],
  ['no data', undefined, 'mp3', 4],
])('%s', (_, data, format, tokens) => {
  expect(audioPartTokens(part(data, format))).toBe(tokens);
});

test('the audio of a prompt is that of all its messages', () => {
  const spoken = part(base64(new Array(4_000).fill(1)), 'mp3');
  const messages = [
    { role: 'user', content: 'x' },
    null,
    { content: [spoken, { type: 'text', text: 'x' }] },
    { content: [spoken] },
  ];
  expect(promptAudioTokens(messages)).toBe(20);
  for (const other of ['x', undefined, { content: [spoken] }]) expect(promptAudioTokens(other)).toBe(0);
});

test.each([
  ['audio/wav hello.wav', 8_000],
  ['audio/mpeg hello.mp3', 4_000],
  ['audio/ogg voice.oga', 2_000],
  ['undefined', 4_000],
])('%s takes at least %i bytes a second', (type, least) => {
  expect(leastBytesPerSecond(type)).toBe(least);
});

test.each<[string, object, number]>([
  ['a token a byte', { type: 'file', file: { file_data: 'A'.repeat(40_000), filename: 'a.docx' } }, 30_000],
  ['a short PDF is a page', { type: 'input_file', file_data: 'JVBERi0xLjQ=' }, 3_000],
  ['by its name', { type: 'input_file', file_data: 'AAAA', filename: 'A.PDF' }, 3_000],
  ['by its data URL', { type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA' } }, 3_000],
  ['a long PDF', { type: 'file', file: { file_data: 'A'.repeat(40_000), filename: 'a.pdf' } }, 30_000],
  ['by id', { type: 'file', file: { file_id: 'file-1' } }, 10_000],
  ['by URL', { type: 'input_file', file_url: 'https://example.com/a.pdf' }, 10_000],
  ['no file at all', { type: 'something' }, 0],
])('a file: %s', (_, file, tokens) => {
  expect(filePartTokens({ ...file })).toBe(tokens);
});

test('anything at all is finite', () => {
  fc.assert(
    fc.property(
      fc.anything({ withNullPrototype: true }),
      fc.anything({ withNullPrototype: true }),
      (data, format) => {
        for (const tokens of [
          audioPartTokens(part(data, format)),
          audioPartTokens({ input_audio: data }),
          filePartTokens({ file: data, file_data: format }),
        ]) {
          expect(Number.isFinite(tokens) && tokens >= 0).toBe(true);
        }
      },
    ),
  );
});
