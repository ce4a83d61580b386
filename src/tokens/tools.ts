import { type Fields, isFields, listOf, textOf } from '../json.ts';
import { jsonOf, jsonTokensBound } from './json-text.ts';
import type { Reader } from './reader.ts';
import { remembered } from './remembered.ts';
import { commentLines, typeScript } from './typescript.ts';

/** Tokens that begin a call, beyond ` to=functions.name`. */
const STARTED_CALL = 4;

/**
 * Tokens of the tools of a request; 0 if there are none. Functions are shown to the models as a namespace of TypeScript
 * types; of tools that run on the API's side only the JSON is known. Remembered by their JSON: it is cheap to write, and
 * an array that was changed since is never taken for the old one.
 *
 * @param around tokens around the namespace
 */
export function toolsTokens(tools: readonly unknown[], model: Reader, around: number): number {
  if (tools.length === 0) return 0;
  const json = jsonOf(tools);
  // It cannot be sent either; what it would have cost is bounded, so that no limit is passed by it.
  if (json === undefined) return jsonTokensBound(tools);
  return around + remembered(model, json, () => countTools(tools, json, model));
}

function countTools(tools: readonly unknown[], json: string, model: Reader): number {
  const functions: Fields[] = [];
  let sum = 0;
  for (const tool of tools) {
    const declared = functionOf(tool);
    if (declared !== undefined) functions.push(declared);
    else sum += model.tokens(jsonOf(tool) ?? '');
  }
  const text = namespaceOf(functions);
  return text === undefined ? model.tokens(json) : sum + model.tokens(text);
}

/** What a tool of `/chat/completions` or `/responses`, or an entry of `functions`, declares. */
function functionOf(tool: unknown): Fields | undefined {
  if (!isFields(tool)) return undefined;
  if (isFields(tool['function'])) return tool['function'];
  const { type } = tool;
  return (type === undefined || type === 'function') && typeof tool['name'] === 'string' ? tool : undefined;
}

/** The functions as the models are shown them; undefined if a schema cannot be written. */
export function namespaceOf(functions: readonly Fields[]): string | undefined {
  if (functions.length === 0) return '';
  let text = 'namespace functions {\n\n';
  for (const declared of functions) {
    const parameters = parametersOf(declared['parameters']);
    if (parameters === undefined) return undefined;
    text += `${commentLines(declared['description'])}type ${textOf(declared['name'])} = (${parameters}) => any;\n\n`;
  }
  return `${text}} // namespace functions`;
}

function parametersOf(schema: unknown): string | undefined {
  const properties = isFields(schema) ? schema['properties'] : undefined;
  if (!isFields(schema) || !isFields(properties) || Object.keys(properties).length === 0) return '';
  const type = typeScript(schema);
  return type === undefined ? undefined : `_: ${type}`;
}

/** Tokens of the beginning of a call that the request chooses. */
export function chosenCallTokens(name: string, model: Reader): number {
  return STARTED_CALL + model.tokens(recipient(name));
}

/** The name of the function that a `tool_choice` or `function_call` chooses. */
export function chosenFunction(choice: unknown): string | undefined {
  if (!isFields(choice)) return undefined;
  const { name } = isFields(choice['function']) ? choice['function'] : choice;
  return typeof name === 'string' ? name : undefined;
}

/** The name of the only function among the tools. */
export function onlyFunction(tools: unknown): string | undefined {
  const list = listOf(tools);
  return list.length === 1 ? textOf(functionOf(list[0])?.['name']) || undefined : undefined;
}

/** Whom a call is addressed to, as it stands in the head of a message. */
export function recipient(name: string): string {
  return ` to=functions.${name}`;
}
