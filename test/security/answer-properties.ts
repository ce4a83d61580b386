import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { OpenAI } from 'openai';
import { type Bytes, joined, pieces, source } from '../responses/streams.ts';
import { answer, cuts, stream } from './arbitraries.ts';
import { expectCharged, expectClosed, hold, property, setUpCharged } from './holding.ts';
import { answerRule, streamRule, withoutNullUsage } from './rules.ts';
import { BOUNDED, OUTPUT, PROMPT, STREAM } from './support.ts';

const kind = fc.constantFrom('bytes' as const, 'default' as const);
const same = (a: Uint8Array | undefined, b: Uint8Array) => a !== undefined && Buffer.compare(a, b) === 0;

/** Ways to read a body to its end. */
const READS: Record<string, (response: Response) => Promise<Uint8Array>> = {
  arrayBuffer: async (response) => new Uint8Array(await response.arrayBuffer()),
  bytes: (response) => response.bytes(),
  blob: async (response) => new Uint8Array(await (await response.blob()).arrayBuffer()),
  body: (response) => bytesOf(response, Infinity),
  clone: async (response) => {
    const copy = response.clone();
    const [left, right] = await Promise.all([response.bytes(), copy.bytes()]);
    hold(same(left, right), 'a clone differs');
    return left;
  },
};
const read = fc.constantFrom(...Object.keys(READS));

/** Reads so many chunks, and cancels the rest. */
async function bytesOf(response: Response, most: number): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  const reader = response.body?.getReader();
  while (reader !== undefined && chunks.length < most) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks);
    chunks.push(new Uint8Array(value));
  }
  await reader?.cancel('enough');
  return joined(chunks);
}

const TYPES = ['application/json', 'application/json; charset=utf-8', '', 'text/plain', 'audio/mpeg'];
const contentType = fc.constantFrom(...TYPES);
const good = fc.constantFrom(200, 201, 206, 299);
const bad = fc.constantFrom(300, 304, 400, 404, 429, 500, 503, 599);

/** The app sees every byte, and a report is what is charged; without one, the estimate. */
export const anyAnswer = property((note) =>
  fc.asyncProperty(
    answer,
    cuts,
    kind,
    read,
    contentType,
    good,
    async (bytes, sizes, type, how, told, status) => {
      const headers: HeadersInit = told === '' ? {} : { 'content-type': told };
      const call = setUpCharged(() => new Response(source(pieces(bytes, sizes), type), { status, headers }));
      const seen = await READS[how]?.(await call.openai.chat.completions.create(BOUNDED).asResponse());
      hold(same(seen, bytes), 'the app sees other bytes');
      await expectClosed(call);
      const report = told === '' || told.includes('json') ? answerRule(bytes) : undefined;
      if (report === null) {
        // What precedes the damage may be a report; that is for nobody to know.
        note(`no JSON: ${call.outcomes}`);
      } else if (report === undefined) {
        note('no report: estimated');
        await expectCharged(call, PROMPT, OUTPUT);
      } else {
        note('reported');
        await expectCharged(call, report.promptTokens, report.completionTokens);
      }
    },
  ),
);

/** What is answered with an error is not charged, whatever it tells, and the app gets the SDK's error. */
export const anyError = property((note) =>
  fc.asyncProperty(answer, cuts, bad, contentType, async (bytes, sizes, status, told) => {
    const body = status === 304 ? null : source(pieces(bytes, sizes));
    const call = setUpCharged(() => new Response(body, { status, headers: { 'content-type': told } }));
    const [result] = await Promise.allSettled([call.openai.chat.completions.create(BOUNDED)]);
    hold(result.status === 'rejected' && result.reason instanceof OpenAI.APIError, 'no error of the SDK');
    note(`refunded: ${status}`);
    await expectClosed(call);
    await expectCharged(call, 0, 0);
  }),
);

function streamed(body: ReadableStream<Bytes>): () => Response {
  return () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/** The app sees every byte but the event, and the members, that it did not ask for; a report is charged, or what was delivered. */
export const anyStream = property((note) =>
  fc.asyncProperty(stream, cuts, kind, read, fc.boolean(), async (bytes, sizes, type, how, asks) => {
    const call = setUpCharged(streamed(source(pieces(bytes, sizes), type)));
    const body = asks ? { ...STREAM, stream_options: { include_usage: true } } : STREAM;
    const seen = await READS[how]?.(await call.openai.chat.completions.create(body).asResponse());
    const { shown, reported, heard, failed, delivered } = streamRule(bytes);
    if (asks) hold(same(seen, bytes), 'the app sees other bytes');
    else
      hold(
        isDeepStrictEqual(withoutNullUsage(seen ?? new Uint8Array()), withoutNullUsage(shown)),
        'the app sees other events',
      );
    if (!asks && shown.length < bytes.length) note('hidden');
    await expectClosed(call);
    note(call.outcomes.join());
    if (reported !== undefined) await expectCharged(call, reported.promptTokens, reported.completionTokens);
    else if (failed && delivered === 0) await expectCharged(call, 0, 0);
    else await expectCharged(call, PROMPT, heard ? delivered : OUTPUT);
  }),
);

const end = fc.constantFrom('lost' as const, 'cancelled' as const, 'left by the SDK' as const);

/** A stream that does not come to its end is charged at least the prompt, and output if the app saw any. */
export const anyCutStream = property((note) =>
  fc.asyncProperty(stream, cuts, kind, end, fc.nat(6), async (bytes, sizes, type, how, after) => {
    const failure = how === 'lost' ? new Error('connection lost') : undefined;
    const call = setUpCharged(streamed(source(pieces(bytes, sizes), type, failure)));
    const sent = call.openai.chat.completions.create(STREAM);
    let seen: Bytes | undefined;
    try {
      if (how === 'left by the SDK') {
        let chunks = 0;
        for await (const _ of await sent) if (++chunks > after) break;
      } else seen = await bytesOf(await sent.asResponse(), how === 'lost' ? Infinity : after);
    } catch (error) {
      hold(
        how === 'left by the SDK' ? error instanceof Error : error === failure,
        'another error',
        String(error),
      );
    }
    await expectClosed(call);
    note(`${how}: ${call.outcomes}`);
    const all = streamRule(bytes);
    const { promptTokens = 0, completionTokens = 0 } = call.usage() ?? {};
    if (call.outcomes[0] === 'estimated') await expectCharged(call, PROMPT, OUTPUT);
    if (call.outcomes[0] === 'counted') {
      hold(promptTokens === PROMPT, 'charged a prompt of', promptTokens);
      const saw = seen !== undefined && streamRule(seen).delivered > 0;
      hold(completionTokens >= (saw ? 1 : 0), 'charged an output of', completionTokens);
    }
    if (call.outcomes[0] === 'reported') hold(all.reported !== undefined, 'nobody reported that');
    if (call.outcomes[0] === 'refunded') hold(all.failed, 'nobody told of an error');
  }),
);
