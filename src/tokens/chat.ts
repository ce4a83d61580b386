import { type Fields, isFields, listOf, textOf } from '../json.ts';
import { contentText } from './content.ts';
import { type Form, formOf } from './form.ts';
import { messagesTokens } from './messages.ts';
import type { Reader } from './reader.ts';
import { responseFormatTokens, schemaFormat } from './response-format.ts';
import { callsOf } from './tool-calls.ts';
import { chosenCallTokens, chosenFunction, toolsTokens } from './tools.ts';

/** Tokens of the system message that the API adds where tools or a schema need one and the request has none. */
const SYSTEM_MESSAGE = 4;
/** Of a reply in a format, beside the format's name that it is marked with. */
const PER_FORMATTED_REPLY = 2;
/** UTF-16 units at the end of a text on which it depends how the line breaks behind it are read. */
const TAIL = 64;

/** Prompt tokens of a `/chat/completions` body: messages, tools, and the schema of the response. */
export function chatPromptTokens(body: Fields, model: Reader): number {
  const form = formOf(model);
  const messages = listOf(body['messages']);
  const sum = form.reply + messagesTokens(messages, model, form);
  const { tools, functions, response_format } = body;
  if (tools === undefined && functions === undefined && response_format === undefined) return sum;
  return sum + declaredTokens(body, messages, model, form);
}

/** Tools and schema are sections of the first system message, below its text. */
function declaredTokens(body: Fields, messages: readonly unknown[], model: Reader, form: Form): number {
  const tools = listOf(body['tools']).length > 0 ? listOf(body['tools']) : listOf(body['functions']);
  const format = schemaFormat(body['response_format']);
  if (tools.length === 0 && format === undefined) return 0;
  let sum = sectionsStart(messages, model);
  if (tools.length > 0) {
    sum += toolsTokens(tools, model, form.chatTools);
    const chosen = form.startsCall ? chosenFunction(body['tool_choice'] ?? body['function_call']) : undefined;
    if (chosen !== undefined) sum += chosenCallTokens(chosen, model);
  }
  if (format !== undefined) {
    // Each section begins with an empty line, of which the start has one.
    sum += responseFormatTokens(format, model) + (tools.length > 0 ? 1 : 0);
    // With tools, a reply may be a call: it is not marked before it is known.
    const replies = formattedReplies(messages) + (tools.length > 0 ? 0 : 1);
    sum += replies * (PER_FORMATTED_REPLY + model.tokens(textOf(format['name'])));
  }
  return sum;
}

/** Replies in the history that are texts. */
function formattedReplies(messages: readonly unknown[]): number {
  let replies = 0;
  for (const message of messages) {
    if (isFields(message) && message['role'] === 'assistant' && callsOf(message).length === 0) replies++;
  }
  return replies;
}

/** The empty line behind the text of the first system message, or the message that is added. */
function sectionsStart(messages: readonly unknown[], model: Reader): number {
  for (const message of messages) {
    if (!isFields(message) || (message['role'] !== 'system' && message['role'] !== 'developer')) continue;
    const end = contentText(message['content']).slice(-TAIL);
    return model.tokens(`${end}\n\n`) - model.tokens(end);
  }
  return SYSTEM_MESSAGE;
}
