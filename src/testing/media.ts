import type { OpenAI } from 'openai';
import { textOf } from '../json.ts';
import { type Body, base64, eventStream, inputUsage, json } from './body.ts';
import { CREATED, type Reply, type ReportedUsage } from './reply.ts';

/** A PNG of one transparent pixel. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

/** Images that dall-e draws are behind URLs unless they are asked for as data, and it reports no usage. */
export function imageBody(reply: Reply): Body {
  const { request, nth, choices } = reply;
  const { endpoint, model, body } = request;
  const usage = model.includes('image') ? reply.usage : undefined;
  if (reply.streamed) return imageStream(reply, usage);
  const asUrl =
    body['response_format'] === 'url' || (!model.includes('image') && body['response_format'] !== 'b64_json');
  const data = Array.from({ length: choices }, (_, i) =>
    asUrl ? { url: `https://images.invalid/mock-${nth}-${i}.png` } : { b64_json: PIXEL },
  );
  return json({
    created: CREATED,
    data,
    ...(usage && { usage: imageUsage(usage, endpoint) }),
  } satisfies OpenAI.ImagesResponse);
}

/** Each image of a stream reports its share of the usage. */
function imageStream({ request, choices }: Reply, usage: ReportedUsage | undefined): Body {
  const { endpoint, body } = request;
  const kind = endpoint === '/images/edits' ? 'image_edit' : 'image_generation';
  const image = {
    b64_json: PIXEL,
    created_at: CREATED,
    background: 'opaque',
    output_format: 'png',
    quality: 'medium',
    size: '1024x1024',
  };
  const partial = Array.from({ length: Number(body['partial_images'] ?? 0) }, (_, partial_image_index) => ({
    type: `${kind}.partial_image`,
    ...image,
    partial_image_index,
  }));
  const completed = Array.from({ length: choices }, (_, i) => {
    const report = usage && { usage: imageUsage(shareOf(usage, i, choices), endpoint) };
    return { type: `${kind}.completed`, ...image, ...report };
  });
  return eventStream([...partial, ...completed], 'named');
}

function shareOf(usage: ReportedUsage, i: number, of: number): ReportedUsage {
  const share = (total: number) => Math.floor((total * (i + 1)) / of) - Math.floor((total * i) / of);
  return {
    ...usage,
    promptTokens: share(usage.promptTokens),
    completionTokens: share(usage.completionTokens),
  };
}

function imageUsage(usage: ReportedUsage, endpoint: string) {
  const { promptTokens, completionTokens } = usage;
  const drawn = endpoint === '/images/generations' ? 0 : promptTokens;
  return {
    ...inputUsage(usage),
    input_tokens_details: { image_tokens: drawn, text_tokens: promptTokens - drawn },
    output_tokens_details: { image_tokens: completionTokens, text_tokens: 0 },
  };
}

/** Transcriptions and translations. As with the API, only a transcription in JSON or a stream reports its usage. */
export function listeningBody({ text, pieces, streamed, request, usage }: Reply): Body {
  const { endpoint, model, body } = request;
  const report = endpoint === '/audio/transcriptions' && usage && { usage: audioUsage(usage, model) };
  if (streamed) {
    const deltas = pieces.map((delta) => ({ type: 'transcript.text.delta', delta }));
    return eventStream([...deltas, { type: 'transcript.text.done', text, ...report }]);
  }
  const format = textOf(body['response_format']);
  const written = PLAIN_FORMATS[format];
  if (written !== undefined) return { type: 'text/plain; charset=utf-8', chunks: [written(text)] };
  if (!/verbose|diarized/.test(format)) return json({ text, ...report });
  const duration = usage?.seconds ?? 0;
  const segment = { id: 0, start: 0, end: duration, text, speaker: 'A' };
  return json({ task: 'transcribe', language: 'english', duration, text, segments: [segment], ...report });
}

const PLAIN_FORMATS: Readonly<Record<string, (text: string) => string>> = {
  text: (text) => `${text}\n`,
  srt: (text) => `1\n00:00:00,000 --> 00:00:01,000\n${text}\n\n`,
  vtt: (text) => `WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n${text}\n\n`,
};

function audioUsage(usage: ReportedUsage, model: string) {
  if (model.includes('whisper')) return { type: 'duration', seconds: usage.seconds };
  const details = { text_tokens: 0, audio_tokens: usage.promptTokens };
  return { type: 'tokens', ...inputUsage(usage), input_token_details: details };
}

/** The text stands in the place of sound. Only a stream of events reports its usage. */
export function speechBody({ text, pieces, request, usage }: Reply): Body {
  if (request.body['stream_format'] !== 'sse') {
    const type = request.body['response_format'] ?? 'mpeg';
    return { type: `audio/${type}`, chunks: [text] };
  }
  const deltas = pieces.map((piece) => ({
    type: 'speech.audio.delta',
    audio: base64(new TextEncoder().encode(piece)),
  }));
  return eventStream([...deltas, { type: 'speech.audio.done', ...(usage && { usage: inputUsage(usage) }) }]);
}
