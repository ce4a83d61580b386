import { asciiJson, type Fields, isFields, textOf } from '../json.ts';
import { jsonOf, jsonTokensBound } from './json-text.ts';
import type { Reader } from './reader.ts';
import { remembered } from './remembered.ts';
import { commentLines } from './typescript.ts';

/** What models are not shown of a schema: the grammar that binds their output knows it. */
const UNSEEN: ReadonlySet<string> = new Set([
  ...['additionalProperties', '$schema', 'required', 'default', 'format'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems'],
]);
/** Members that hold schemas by names of their own, which are no keywords. */
const NAMED: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions', 'patternProperties']);

/** Tokens of a schema that the response must follow; 0 for any other format: `json_object` adds nothing. */
export function responseFormatTokens(format: Fields | undefined, model: Reader): number {
  if (format === undefined) return 0;
  const { schema } = format;
  const json = isFields(schema) ? jsonOf(schema) : undefined;
  // It cannot be sent; what it would have cost is bounded.
  if (json === undefined) return jsonTokensBound(format);
  const head = `# Response Formats\n\n## ${textOf(format['name'])}\n\n${commentLines(format['description'])}`;
  return remembered(model, head + json, () => model.tokens(head + asciiJson(shownSchema(json))));
}

/** The `json_schema` format of a chat's `response_format` or of a response's `text.format`. */
export function schemaFormat(format: unknown): Fields | undefined {
  if (!isFields(format) || format['type'] !== 'json_schema') return undefined;
  return isFields(format['json_schema']) ? format['json_schema'] : format;
}

/** A schema's JSON without what models are not shown; all of it if it is too deep. */
function shownSchema(json: string): string {
  const schema: unknown = JSON.parse(json);
  const named = new WeakSet<object>();
  const filter = function (this: unknown, key: string, value: unknown): unknown {
    if (isFields(value) && NAMED.has(key) && !isNamed(this)) named.add(value);
    return UNSEEN.has(key) && !isNamed(this) && !Array.isArray(this) ? undefined : value;
  };
  const isNamed = (holder: unknown) => typeof holder === 'object' && holder !== null && named.has(holder);
  try {
    return JSON.stringify(schema, filter);
  } catch {
    // The filter needs more of the stack than reading did.
    return json;
  }
}
