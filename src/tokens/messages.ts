import { type Fields, isFields, listOf, textOf } from '../json.ts';
import { contentTokens, textTokens } from './content.ts';
import type { Form } from './form.ts';
import type { Reader } from './reader.ts';
import {
  callsOf,
  callsTokens,
  functionResultTokens,
  parallelResultsTokens,
  resultTokens,
} from './tool-calls.ts';

/** Tokens that frame each message, its role apart. */
const PER_MESSAGE = 3;
const PER_NAME = 1;

/** Roles that are one token in every encoding. */
const ROLES: ReadonlySet<string> = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function']);

/** Tokens of the messages of a chat. */
export function messagesTokens(messages: readonly unknown[], model: Reader, form: Form): number {
  let names: ReadonlyMap<unknown, string> | undefined;
  let sum = 0;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i];
    if (!isFields(message)) continue;
    const { role } = message;
    if (role === 'function') sum += functionResultTokens(message, model);
    else if (role !== 'tool') sum += messageTokens(message, model, form);
    else if (makesCallsAtOnce(messages[i - 1])) {
      const contents = resultsFrom(messages, i);
      sum += parallelResultsTokens(contents, model);
      i += contents.length - 1;
    } else {
      names ??= namesOfCalls(messages);
      const name = names.get(message['tool_call_id']) ?? textOf(message['name']);
      sum += resultTokens(name, message['content'], model);
    }
  }
  return sum;
}

/** Tokens of a message that is no result of a call. */
function messageTokens(message: Fields, model: Reader, form: Form): number {
  const { role, content, name, refusal } = message;
  const calls = role === 'assistant' ? callsOf(message) : [];
  let sum = contentTokens(content, model);
  if (refusal !== undefined) sum += contentTokens(refusal, model);
  if (calls.length > 0) sum += form.chatCall + callsTokens(calls, model);
  if (calls.length === 0 || sum === 0 || isText(content)) sum += messageFrame(role, model, form);
  // A name that is the role's is said once.
  if (typeof name === 'string') sum += PER_NAME + (name === role ? 0 : model.tokens(name));
  return sum;
}

/** Tokens of a message beside its content. */
export function messageFrame(role: unknown, model: Reader, form: Form): number {
  const known = typeof role !== 'string' || ROLES.has(role);
  return PER_MESSAGE + (known ? 1 : textTokens(role, model)) + (role === 'assistant' ? form.assistant : 0);
}

/** Text beside calls is a message of its own. */
function isText(content: unknown): boolean {
  return typeof content === 'string' ? content !== '' : listOf(content).length > 0;
}

function makesCallsAtOnce(message: unknown): boolean {
  return isFields(message) && listOf(message['tool_calls']).length > 1;
}

/** The contents of the results of tools from an index on. */
function resultsFrom(messages: readonly unknown[], from: number): readonly unknown[] {
  const contents: unknown[] = [];
  for (let i = from; i < messages.length; i++) {
    const message = messages[i];
    if (!isFields(message) || message['role'] !== 'tool') break;
    contents.push(message['content']);
  }
  return contents;
}

/** By the ids of the calls, which is all that their results name. */
function namesOfCalls(messages: readonly unknown[]): ReadonlyMap<unknown, string> {
  const names = new Map<unknown, string>();
  for (const message of messages) {
    if (!isFields(message)) continue;
    for (const call of listOf(message['tool_calls'])) {
      if (isFields(call)) names.set(call['id'], callsOf({ tool_calls: [call] })[0]?.name ?? '');
    }
  }
  return names;
}
