/**
 * Replays recorded response bodies of the API through `governFetch`, and shows that what is charged equals what each
 * recording reports. A recording is a pair of files: NAME.meta.json (`url`, `status`, `request`, `response_headers`)
 * and the body, NAME.json or NAME.sse.
 *
 *     npm run replay -- <folder of recordings>
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import { Budget, governFetch, type Usage } from 'governed-openai';

interface Meta {
  url?: string;
  endpoint?: string;
  status: number;
  request: Record<string, unknown> | '';
  response_headers: Record<string, string | string[]>;
}

const folder = process.argv[2];
if (folder === undefined || !existsSync(folder)) {
  console.log('No recordings to replay: give their folder, npm run replay -- <folder>.');
  process.exit(0);
}

const table = new Table({
  head: ['recording', 'known by', 'prompt', 'completion', 'images', 'recorded', ''],
});
let wrong = 0;
for (const file of readdirSync(folder).filter((name) => name.endsWith('.meta.json'))) {
  const name = file.replace('.meta.json', '');
  const meta = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Meta;
  const path = [`${name}.json`, `${name}.sse`].map((body) => join(folder, body)).find(existsSync);
  if (path === undefined) continue;
  const body = readFileSync(path, 'utf8');
  const target = meta.url ?? meta.endpoint ?? '';
  const url = target.startsWith('http') ? target : `https://api.openai.com/v1/${target}`;
  const { source, usage } = await replay(url, meta, body);
  const recorded = meta.status >= 300 ? 'refused: nothing' : recordedUsage(body);
  const charged = `${usage.promptTokens} + ${usage.completionTokens}`;
  const same =
    recorded === undefined
      ? source === 'not governed' || source === (usage.images > 0 ? 'reported' : 'counted')
      : recorded === 'refused: nothing'
        ? usage.requests === 0
        : recorded === charged;
  if (!same) wrong++;
  table.push([
    name,
    source,
    usage.promptTokens,
    usage.completionTokens,
    usage.images,
    recorded ?? 'no usage',
    same ? 'ok' : 'DIFFERS',
  ]);
}
for (const file of readdirSync(folder).filter((name) => name.endsWith('.chunks.txt'))) {
  // The events of a Responses stream, one a line, without their framing.
  const lines = readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const body = lines.map((line) => `data: ${line}\n\n`).join('');
  const meta: Meta = {
    status: 200,
    request: { stream: true },
    response_headers: { 'content-type': 'text/event-stream' },
  };
  const { source, usage } = await replay('https://api.openai.com/v1/responses', meta, body);
  const same = source === 'refunded' && usage.requests === 0;
  if (!same) wrong++;
  table.push([
    file,
    source,
    usage.promptTokens,
    usage.completionTokens,
    usage.images,
    'failed: nothing',
    same ? 'ok' : 'DIFFERS',
  ]);
}
console.log(table.toString());
console.log(wrong === 0 ? 'Every charge equals its recording.' : `${wrong} differ.`);
process.exitCode = wrong === 0 ? 0 : 1;

async function replay(url: string, { status, request, response_headers }: Meta, body: string) {
  const budget = new Budget({
    limits: (['requests', 'promptTokens', 'completionTokens', 'images'] as const).map(
      (unit) => ({ [unit]: 1e12, per: 'year' }) as never,
    ),
  });
  let source = 'not governed';
  budget.on('settled', (event) => {
    source = event.source;
  });
  budget.on('refunded', () => {
    source = 'refunded';
  });
  const headers = new Headers();
  for (const [name, value] of Object.entries(response_headers)) {
    if (!/^(content-encoding|content-length|transfer-encoding)$/.test(name)) headers.set(name, String(value));
  }
  const fetch = governFetch(async () => new Response(body, { status, headers }), budget);
  const response = await fetch(url, { method: 'POST', body: requestBody(request) });
  await response.text();
  const usage = Object.fromEntries(
    (await budget.usage()).map(({ unit, used }) => [unit, used]),
  ) as unknown as Usage;
  return { source, usage };
}

function requestBody(request: Meta['request']): string | FormData {
  if (request === '' || !('_multipart_files' in request)) return JSON.stringify(request || {});
  const form = new FormData();
  for (const [name, value] of Object.entries(request)) {
    if (name !== '_multipart_files') form.set(name, String(value));
  }
  for (const { name, filename, bytes } of request['_multipart_files'] as {
    name: string;
    filename: string;
    bytes: number;
  }[]) {
    form.append(name, new File([new Uint8Array(bytes)], filename));
  }
  return form;
}

/** Read independently of the library: the last `usage` of the body, in whatever shape. */
function recordedUsage(body: string): string | undefined {
  const texts = body.trimStart().startsWith('{')
    ? [body]
    : body
        .split('\n')
        .filter((line) => line.startsWith('data: {'))
        .map((line) => line.slice(6));
  let found: string | undefined;
  for (const text of texts) {
    const value = JSON.parse(text) as {
      usage?: Record<string, number | string>;
      response?: { usage?: Record<string, number> };
    };
    const usage = value.usage ?? value.response?.usage;
    if (usage == null) continue;
    found = `${usage['prompt_tokens'] ?? usage['input_tokens'] ?? 0} + ${usage['completion_tokens'] ?? usage['output_tokens'] ?? 0}`;
  }
  return found;
}
