import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { toFile } from 'openai';
import { chunked, events, failure, json, STREAM, text } from '../answers.ts';
import { collect, textOf } from '../bodies.ts';
import type { Scenario } from '../run.ts';

const IMAGE_USAGE = { input_tokens: 50, output_tokens: 4_160, total_tokens: 4_210 };
const images = (count: number, more: object = { usage: IMAGE_USAGE }) =>
  json({ created: 1, data: Array.from({ length: count }, () => ({ b64_json: 'AAAA' })), ...more });
const image = (name = 'a.png') =>
  new File([Buffer.from('89504e470d0a1a0a', 'hex')], name, { type: 'image/png' });
const audio = () => new File(['abc'], 'a.mp3', { type: 'audio/mpeg' });

const MODEL = 'gpt-image-1';
const imageEvents = (kind: string) => [
  { type: `image_${kind}.partial_image`, b64_json: 'AAAA', partial_image_index: 0 },
  { type: `image_${kind}.completed`, b64_json: 'BBBB', usage: IMAGE_USAGE },
];

const TOKENS = { type: 'tokens', input_tokens: 14, output_tokens: 7, total_tokens: 21 };
const SECONDS = { type: 'duration', seconds: 3 };
const MP3 = Uint8Array.of(0xff, 0xfb, 0, 1, 2, 0xff);
const speech = chunked([MP3, MP3], { headers: { 'content-type': 'audio/mpeg' } });
const SPEAK = { model: 'tts-1', voice: 'alloy' as const, input: 'Hello!' };

/** The ways to give a file. */
const FILES: Record<string, () => Promise<Parameters<typeof toFile>[0] | File>> = {
  'a File': async () => audio(),
  'a Buffer by toFile': () => toFile(Buffer.from('abc'), 'a.mp3', { type: 'audio/mpeg' }),
  'text by toFile': () => toFile(new TextEncoder().encode('abc'), 'a.mp3'),
  'a Blob by toFile': () => toFile(new Blob(['abc'], { type: 'audio/mpeg' }), 'a.mp3'),
  'a stream of Node by toFile': () => toFile(Readable.from([Buffer.from('ab'), Buffer.from('c')]), 'a.mp3'),
  'a Response': async () => new Response('abc', { headers: { 'content-type': 'audio/mpeg' } }),
};

const transcribed = Object.fromEntries(
  Object.entries(FILES).map(([name, file]): [string, Scenario] => [
    `audio.transcriptions.create of ${name}`,
    {
      answers: [json({ text: 'Hello!', usage: TOKENS })],
      run: async ({ client }) =>
        client().audio.transcriptions.create({ file: (await file()) as File, model: 'gpt-4o-transcribe' }),
    },
  ]),
);

export const media: Record<string, Scenario> = {
  'images.generate': {
    answers: [images(2)],
    run: ({ client }) => client().images.generate({ model: MODEL, prompt: 'A cat', n: 2 }),
  },
  'images.generate without usage': {
    answers: [images(1, {})],
    run: ({ client }) => client().images.generate({ model: 'dall-e-3', prompt: 'A cat' }),
  },
  'images.generate, streamed': {
    answers: [events(imageEvents('generation'))],
    run: async ({ client }) =>
      collect(
        await client().images.generate({ model: MODEL, prompt: 'A cat', stream: true, partial_images: 1 }),
      ),
  },
  'images.generate, refused': {
    answers: [failure(400)],
    run: ({ client }) => client().images.generate({ model: MODEL, prompt: 'A cat' }),
  },
  'images.edit of one file': {
    answers: [images(1)],
    run: ({ client }) => client().images.edit({ model: MODEL, image: image(), prompt: 'A hat' }),
  },
  'images.edit of several files, with a mask': {
    answers: [images(1)],
    run: ({ client }) =>
      client().images.edit({
        model: MODEL,
        image: [image('a.png'), image('b.png')],
        mask: image('m.png'),
        prompt: 'A hat',
        n: 1,
        size: '1024x1024',
      }),
  },
  'images.edit, streamed': {
    answers: [events(imageEvents('edit'))],
    run: async ({ client }) =>
      collect(await client().images.edit({ model: MODEL, image: image(), prompt: 'A hat', stream: true })),
  },
  'images.createVariation': {
    answers: [images(1)],
    run: ({ client }) => client().images.createVariation({ image: image(), model: 'dall-e-2' }),
  },
  ...transcribed,
  'audio.transcriptions.create of a file on disk': {
    answers: [json({ text: 'Hello!', usage: TOKENS })],
    run: async ({ client }) => {
      const folder = mkdtempSync(join(tmpdir(), 'drop-in-'));
      try {
        writeFileSync(join(folder, 'a.mp3'), 'abc');
        const file = createReadStream(join(folder, 'a.mp3'));
        return await client().audio.transcriptions.create({ file, model: 'gpt-4o-transcribe' });
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  },
  'audio.transcriptions.create by duration': {
    answers: [json({ text: 'Hello!', usage: SECONDS })],
    run: ({ client }) => client().audio.transcriptions.create({ file: audio(), model: 'whisper-1' }),
  },
  'audio.transcriptions.create as text': {
    answers: [text('Hello!\n', { headers: { 'content-type': 'text/plain; charset=utf-8' } })],
    run: ({ client }) =>
      client().audio.transcriptions.create({ file: audio(), model: 'whisper-1', response_format: 'text' }),
    outcomes: ['estimated'],
  },
  'audio.transcriptions.create, verbose': {
    answers: [
      json({
        task: 'transcribe',
        language: 'english',
        duration: 3,
        text: 'Hello!',
        segments: [],
        usage: SECONDS,
      }),
    ],
    run: ({ client }) =>
      client().audio.transcriptions.create({
        file: audio(),
        model: 'whisper-1',
        response_format: 'verbose_json',
        timestamp_granularities: ['word', 'segment'],
      }),
  },
  'audio.transcriptions.create, streamed': {
    answers: [
      events([
        { type: 'transcript.text.delta', delta: 'Hello' },
        { type: 'transcript.text.done', text: 'Hello!', usage: TOKENS },
      ]),
    ],
    run: async ({ client }) =>
      collect(
        await client().audio.transcriptions.create({
          file: audio(),
          model: 'gpt-4o-transcribe',
          stream: true,
        }),
      ),
  },
  'audio.translations.create': {
    answers: [json({ text: 'Hello!', usage: SECONDS })],
    run: ({ client }) => client().audio.translations.create({ file: audio(), model: 'whisper-1' }),
  },
  'audio.speech.create': {
    answers: [speech],
    run: async ({ client, note }) => {
      const response = await client().audio.speech.create(SPEAK);
      note('response', response);
      return response.arrayBuffer();
    },
    outcomes: ['estimated'],
  },
  'audio.speech.create, read as it comes': {
    answers: [speech],
    run: async ({ client }) =>
      Buffer.concat(
        await collect((await client().audio.speech.create(SPEAK)).body ?? new ReadableStream<Uint8Array>()),
      ),
    outcomes: ['estimated'],
  },
  'audio.speech.create, streamed as events': {
    answers: [
      text(
        [
          { type: 'speech.audio.delta', audio: 'AAAA' },
          { type: 'speech.audio.done', usage: TOKENS },
        ]
          .map((event) => `data: ${JSON.stringify(event)}\n\n`)
          .join(''),
        { headers: STREAM },
      ),
    ],
    run: async ({ client }) => {
      const body = { ...SPEAK, model: 'gpt-4o-mini-tts', stream_format: 'sse' as const };
      return textOf((await client().audio.speech.create(body)).body);
    },
    outcomes: ['reported'],
    usage: TOKENS,
  },
  'audio.speech.create, refused': {
    answers: [failure(404)],
    run: ({ client }) => client().audio.speech.create(SPEAK),
  },
  'audio.speech.create, as a blob': {
    answers: [speech],
    run: async ({ client }) => {
      const blob = await (await client().audio.speech.create(SPEAK)).blob();
      return [blob.type, blob.size];
    },
    outcomes: ['estimated'],
  },
};
