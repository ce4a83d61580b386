import { readUsage } from '../calls/report.ts';
import { isFields, listOf, parseFields } from '../json.ts';
import type { Quantities } from '../prices.ts';
import { jsonMembers } from './json-members.ts';

/** What a response told of itself that may go on in the background. */
export interface ResponseState {
  readonly id: string;
  readonly background: boolean;
  /** What it used; `'nothing'` if it failed before it put anything out; undefined while it is not over. */
  readonly used: Quantities | 'nothing' | undefined;
}

const TOLD = new Set(['id', 'object', 'background', 'status', 'usage', 'output']);
const RESPONSE_ID = /^[\w-]{1,200}$/;

/** Reads the body of a response object; undefined if it is none. */
export function readResponse(text: string): ResponseState | undefined {
  const members = jsonMembers(text, TOLD);
  const value = (name: string) => members.get(name)?.value();
  const outputs = members.get('output')?.elements() ?? 0;
  return stateOf(value('id'), value('background'), value('status'), value('usage'), outputs);
}

/** Reads the data of a stream's event; undefined if it holds no response object. */
export function readResponseEvent(data: string): ResponseState | undefined {
  if (!data.includes('"response"')) return undefined;
  const { response } = parseFields(data) ?? {};
  if (!isFields(response)) return undefined;
  const { id, background, status, usage, output } = response;
  return stateOf(id, background, status, usage, listOf(output).length);
}

function stateOf(
  id: unknown,
  background: unknown,
  status: unknown,
  usage: unknown,
  outputs: number,
): ResponseState | undefined {
  if (typeof id !== 'string' || !RESPONSE_ID.test(id)) return undefined;
  const used = readUsage(usage, 0) ?? (status === 'failed' && outputs === 0 ? 'nothing' : undefined);
  return { id, background: background === true, used };
}

/** Whether a request reads, or cancels, a response that was made before. `target` is a path or a URL. */
export function isRetrieval(method: string, target: string): boolean {
  const match = /\/responses\/[^/?#]+(\/cancel)?\/?(?:[?#]|$)/.exec(target);
  return match !== null && method.toUpperCase() === (match[1] === undefined ? 'GET' : 'POST');
}
