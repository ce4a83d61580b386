import { type Fields, isFields, listOf } from '../json.ts';
import { imageTokensBound } from './images.ts';
import { roughSchemaTokens } from './tools.ts';

type Count = (text: string) => number;

/** The model that reads a prompt. */
export interface Reader {
  readonly name: string;
  /** It spends output tokens on reasoning, which a stream does not show. */
  readonly reasoning: boolean;
  /** Tokens of a text; an upper bound for one that no model could read. */
  tokens(text: string): number;
}

/** Roles that are one token in every encoding. */
const ROLES: ReadonlySet<string> = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function']);

/** Tokens that frame each message, and those that prime the reply; seen in recordings of the API. */
const PER_MESSAGE = 3;
const PER_NAME = 1;
const REPLY = 3;
/** Each tool call of the history is wrapped in about this many tokens. */
const PER_TOOL_CALL = 8;

/** Prompt tokens of a `/chat/completions` body: messages, tools, and the schema of the response. */
export function chatPromptTokens(body: Fields, model: Reader): number {
  let sum =
    framing(model) +
    roughSchemaTokens([body['tools'], body['functions'], schemaOf(body['response_format'])], model.tokens);
  for (const message of listOf(body['messages'])) {
    if (isFields(message)) sum += PER_MESSAGE + messageTokens(message, model);
  }
  return sum;
}

/** Prompt tokens of a `/responses` body: instructions, input items, tools, and the schema of the text. */
export function responsesPromptTokens(body: Fields, model: Reader): number {
  const format = isFields(body['text']) ? schemaOf(body['text']['format']) : undefined;
  let sum = framing(model) + roughSchemaTokens([body['tools'], format], model.tokens);
  for (const part of [body['instructions'], body['input']]) {
    const items = typeof part === 'string' ? [{ role: 'user', content: part }] : listOf(part);
    for (const item of items) {
      if (isFields(item)) sum += PER_MESSAGE + messageTokens(item, model);
    }
  }
  return sum;
}

/** Only a schema is shown to the model; `text` and `json_object` add nothing to the prompt. */
function schemaOf(format: unknown): unknown {
  return isFields(format) && format['type'] === 'json_schema' ? format : undefined;
}

/** Reasoning models are framed with one token less. */
function framing(model: Reader): number {
  return model.reasoning ? REPLY - 1 : REPLY;
}

function messageTokens(message: Fields, model: Reader): number {
  const count = model.tokens;
  const { role } = message;
  let sum = typeof role !== 'string' || ROLES.has(role) ? 1 : count(role);
  if (typeof message['name'] === 'string') sum += PER_NAME + count(message['name']);
  for (const name of ['content', 'refusal', 'arguments', 'output', 'summary']) {
    sum += contentTokens(message[name], model);
  }
  for (const call of [...listOf(message['tool_calls']), message['function_call']]) {
    if (isFields(call)) sum += PER_TOOL_CALL + toolCallTokens(call, count);
  }
  return sum;
}

function contentTokens(content: unknown, model: Reader): number {
  if (typeof content === 'string') return model.tokens(content);
  let sum = 0;
  for (const part of listOf(content)) {
    if (isFields(part)) sum += partTokens(part, model);
  }
  return sum;
}

function partTokens(part: Fields, model: Reader): number {
  for (const name of ['text', 'refusal']) {
    const text = part[name];
    if (typeof text === 'string') return model.tokens(text);
  }
  if (part['image_url'] !== undefined || part['type'] === 'input_image') {
    const image = isFields(part['image_url']) ? part['image_url'] : part;
    return imageTokensBound(model.name, image['detail']);
  }
  return dataTokensBound(part);
}

/** A token holds at least one byte, and base64 spends four characters on three bytes. */
function dataTokensBound(part: Fields): number {
  let length = 0;
  for (const holder of [part['input_audio'], part['file'], part]) {
    if (!isFields(holder)) continue;
    for (const name of ['data', 'file_data']) {
      const data = holder[name];
      if (typeof data === 'string') length += data.length;
    }
  }
  return Math.ceil((length * 3) / 4);
}

function toolCallTokens(call: Fields, count: Count): number {
  let sum = 0;
  for (const holder of [call['function'], call['custom'], call]) {
    if (!isFields(holder)) continue;
    for (const name of ['name', 'arguments', 'input']) {
      const text = holder[name];
      if (typeof text === 'string') sum += count(text);
    }
  }
  return sum;
}
