import { type Fields, isFields, listOf, textOf } from '../json.ts';
import { contentTokens } from './content.ts';
import { type Form, formOf } from './form.ts';
import { messageFrame } from './messages.ts';
import type { Reader } from './reader.ts';
import { responseFormatTokens, schemaFormat } from './response-format.ts';
import { callTokens, itemTokens, resultTokens, toolCall } from './tool-calls.ts';
import { chosenCallTokens, chosenFunction, onlyFunction, toolsTokens } from './tools.ts';

/** What a call takes more that the API has stored: it is shown as the model made it. */
const PER_STORED_CALL = 3;

/** Prompt tokens of a `/responses` body: instructions, input items, tools, and the schema of the text. */
export function responsesPromptTokens(body: Fields, model: Reader): number {
  const form = formOf(model);
  const stored = body['store'] !== false;
  let sum = form.reply;
  for (const part of [body['instructions'], body['input']]) {
    if (typeof part === 'string') sum += messageFrame('user', model, form) + contentTokens(part, model);
    else sum += itemsTokens(listOf(part), model, form, stored);
  }
  return sum + declaredTokens(body, model, form);
}

/** Tools and schema are messages of their own, whatever the instructions are. */
function declaredTokens(body: Fields, model: Reader, form: Form): number {
  const tools = listOf(body['tools']);
  const format = schemaFormat(isFields(body['text']) ? body['text']['format'] : undefined);
  let sum = format === undefined ? 0 : form.responsesSchema + responseFormatTokens(format, model);
  if (tools.length === 0) return sum;
  sum += toolsTokens(tools, model, form.responsesTools);
  const chosen = form.startsCall ? chosenTool(body['tool_choice'], tools) : undefined;
  if (chosen !== undefined) sum += chosenCallTokens(chosen, model);
  return body['parallel_tool_calls'] === false ? sum + form.oneCallOnly : sum;
}

/** A choice that leaves one function: by its name, or because there is no other. */
function chosenTool(choice: unknown, tools: readonly unknown[]): string | undefined {
  return choice === 'required' ? onlyFunction(tools) : chosenFunction(choice);
}

function itemsTokens(items: readonly unknown[], model: Reader, form: Form, stored: boolean): number {
  const names = new Map<unknown, string>();
  let sum = 0;
  for (const [index, item] of items.entries()) {
    if (!isFields(item)) continue;
    const type = item['type'] ?? 'message';
    if (isCall(item)) {
      const call = toolCall(item);
      names.set(item['call_id'], call.name);
      sum += form.responsesCall + callTokens(call, call.input, model);
      if (stored && item['id'] !== undefined && isAlone(items, index)) sum += PER_STORED_CALL;
    } else if (type === 'function_call_output' || type === 'custom_tool_call_output') {
      sum += resultTokens(names.get(item['call_id']) ?? '', item['output'], model);
    } else if (type === 'message') {
      sum += messageFrame(item['role'], model, form) + contentTokens(item['content'], model);
    } else sum += messageFrame(undefined, model, form) + otherItemTokens(item, textOf(type), model);
  }
  return sum;
}

function isCall(item: unknown): boolean {
  return isFields(item) && (item['type'] === 'function_call' || item['type'] === 'custom_tool_call');
}

/** Whether a call was made without another at once. */
function isAlone(items: readonly unknown[], index: number): boolean {
  return !isCall(items[index - 1]) && !isCall(items[index + 1]);
}

/** What models reasoned is not shown again but for its summary; of calls of hosted tools only the JSON is known. */
function otherItemTokens(item: Fields, type: string, model: Reader): number {
  if (type === 'reasoning') return contentTokens(item['summary'], model);
  if (type.endsWith('_output')) return contentTokens(item['output'], model);
  return itemTokens(item, model);
}
