import { asciiJson, type Fields, isFields, listOf, textOf } from '../json.ts';
import { contentText, contentTokens, textTokens } from './content.ts';
import { compactJson, jsonOf, pythonJson } from './json-text.ts';
import type { Reader } from './reader.ts';
import { recipient } from './tools.ts';

/** Tokens that frame a call, beyond its recipient and arguments. */
const CALL = 4;
/** Those that frame its result, beyond the name of its function. */
const RESULT = 6;
/** Calls made at once are one call of this function, and their results one message. */
const PARALLEL = ' to=multi_tool_use.parallel';
const PARALLEL_RESULTS = 10;
/** Of a result for the older `function_call`, whose name stands in place of the role. */
const FUNCTION_RESULT = 3;

/** A call of a function or custom tool in the history of a conversation. */
export interface ToolCall {
  readonly name: string;
  readonly input: string;
}

/** The calls that an assistant's message makes. */
export function callsOf(message: Fields): readonly ToolCall[] {
  const calls = listOf(message['tool_calls']).filter(isFields);
  const all = isFields(message['function_call']) ? [...calls, message['function_call']] : calls;
  return all.map((call) => toolCall(firstFields(call['function'], call['custom']) ?? call));
}

function firstFields(...values: readonly unknown[]): Fields | undefined {
  return values.find(isFields);
}

export function toolCall(call: Fields): ToolCall {
  return { name: textOf(call['name']), input: textOf(call['arguments'] ?? call['input']) };
}

/** Tokens of the calls of one message, beside its content. */
export function callsTokens(calls: readonly ToolCall[], model: Reader): number {
  const [first] = calls;
  if (first === undefined) return 0;
  if (calls.length === 1) return callTokens(first, compactJson(first.input), model);
  const uses = calls.map(({ name, input }) => {
    const parameters = compactJson(input);
    return `{"recipient_name":"functions.${name}","parameters":${parameters || '{}'}}`;
  });
  return CALL + model.tokens(PARALLEL) + textTokens(`{"tool_uses":[${uses.join(',')}]}`, model);
}

export function callTokens({ name }: ToolCall, input: string, model: Reader): number {
  return CALL + model.tokens(recipient(name)) + textTokens(input, model);
}

/** Tokens of the result of a single call. */
export function resultTokens(name: string, content: unknown, model: Reader): number {
  return RESULT + model.tokens(name) + contentTokens(content, model);
}

/** Tokens of a message of the role `function`. */
export function functionResultTokens(message: Fields, model: Reader): number {
  return FUNCTION_RESULT + model.tokens(textOf(message['name'])) + contentTokens(message['content'], model);
}

/** Tokens of the results of calls that were made at once: a list in JSON, as Python writes it. */
export function parallelResultsTokens(contents: readonly unknown[], model: Reader): number {
  const list = contents.map((content) => pythonJson(contentText(content)));
  return PARALLEL_RESULTS + textTokens(`[${list.join(', ')}]`, model);
}

/** The JSON of an item of which no more is known. */
export function itemTokens(item: Fields, model: Reader): number {
  return textTokens(asciiJson(jsonOf(item) ?? ''), model);
}
