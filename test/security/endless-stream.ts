import { memoryUsage } from 'node:process';
import { Budget, GovernedOpenAI } from '../../src/index.ts';
import { BOUNDED, eventually, STREAM } from './support.ts';

/**
 * A process of its own that reads an endless stream and keeps nothing of it, and tells the most memory that the budget
 * held meanwhile. Its arguments: which stream, and how many megabytes of it.
 */

const MB = 2 ** 20;
const CHUNK = 2 ** 16;
/** Between measurements: collecting all garbage takes time. */
const MEASURED_EVERY = 8 * MB;

/** Each gives one chunk, again and again. The first may begin otherwise. */
const STREAMS: Record<string, { readonly first?: string; readonly again: string; readonly type?: string }> = {
  'a line without end': { first: 'data: {"choices":[{"delta":{"content":"', again: 'x' },
  'a line of no event without end': { again: 'x' },
  'an event of lines without end': { again: 'data: x\n' },
  'empty events': { again: 'data:\n\n' },
  'blank lines': { again: '\n' },
  comments: { again: ': ping\n\n' },
  'brackets without end': { first: 'data: ', again: '[' },
  'usage that is hidden': {
    again: 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n',
  },
  output: { again: 'data: {"choices":[{"index":0,"delta":{"content":" word"}}]}\n\n' },
  'output in ever new slots': {
    again: 'data: {"choices":[{"index":"NNNNNNNNNN","delta":{"content":" a"}}]}\n\n',
  },
  'a JSON answer': { first: '{"choices":[{"message":{"content":"', again: 'x', type: 'application/json' },
  'bytes that are no UTF-8': { first: 'data: ', again: '\xff' },
};

const [name = '', megabytes = '1'] = process.argv.slice(2);
const stream = STREAMS[name];
if (stream === undefined) throw new Error(`no stream is called ${name}: ${Object.keys(STREAMS).join(', ')}`);

const latin1 = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
const unit = stream.again;
const chunk = latin1(unit.repeat(Math.ceil(CHUNK / unit.length)));
let sent = 0;
let measured = 0;
let before = 0;
let most = 0;
const body = new ReadableStream(
  {
    start(controller) {
      if (stream.first !== undefined) controller.enqueue(latin1(stream.first));
    },
    pull(controller) {
      controller.enqueue(unit.includes('N') ? latin1(renamed(sent)) : chunk);
      sent += chunk.length;
      if (sent - measured >= MEASURED_EVERY) measure();
      if (sent >= Number(megabytes) * MB) controller.close();
    },
  },
  { highWaterMark: 0 },
);

function renamed(from: number): string {
  let n = from;
  return unit
    .repeat(Math.ceil(CHUNK / unit.length))
    .replaceAll('NNNNNNNNNN', () => String(n++).padStart(10, '0'));
}

const budget = new Budget({ limits: [{ tokens: 1e12, per: 'year' }] });
const openai = new GovernedOpenAI({
  apiKey: 'sk-test',
  budget,
  fetch: async () => new Response(body, { headers: { 'content-type': stream.type ?? 'text/event-stream' } }),
});
const sources: string[] = [];
budget.on('settled', ({ source }) => sources.push(source));

await budget.ready(STREAM.model);
const request = stream.type === undefined ? STREAM : BOUNDED;
const response = await openai.chat.completions.create(request).asResponse();
const reader = response.body?.getReader();
before = held();
let shown = 0;
for (;;) {
  const { done, value } = (await reader?.read()) ?? { done: true };
  if (done) break;
  shown += value.length;
}
await eventually(() => sources.length > 0);
const [{ used } = { used: Number.NaN }] = await budget.usage();
process.stdout.write(JSON.stringify({ sent, shown, heldMegabytes: most / MB, sources, used }));

function measure(): void {
  measured = sent;
  most = Math.max(most, held() - before);
}

/** Bytes that are reachable. */
function held(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = memoryUsage();
  return heapUsed + arrayBuffers;
}
