import { type Fields, isFields } from '../json.ts';
import { withCompletionBound } from './bound-completion.ts';
import type { Endpoint } from './endpoint.ts';

/** What is sent in the place of a request's fields. */
export interface ChangedRequest {
  /** Undefined: they are sent as they are. */
  readonly fields: Fields | undefined;
  /** It asks for the usage of its stream, where the app did not. */
  readonly asking: boolean;
}

/** @param bound on the tokens of each output, if the call needs one to fit into its budget */
export function changedRequest(
  endpoint: Endpoint,
  fields: Fields,
  bound: number | undefined,
): ChangedRequest {
  const bounded = bound === undefined ? undefined : withCompletionBound(endpoint, fields, bound);
  const asking = askForUsage(endpoint, bounded ?? fields);
  return { fields: asking ?? bounded, asking: asking !== undefined };
}

/** The fields that make a stream report its usage, or undefined if it does so already. */
function askForUsage(endpoint: Endpoint, fields: Fields): Fields | undefined {
  if (endpoint.asksForUsage !== true || fields['stream'] !== true) return undefined;
  const options = fields['stream_options'] ?? {};
  // What is no options, the API refuses.
  if (!isFields(options) || options['include_usage'] === true) return undefined;
  return { ...fields, stream_options: { ...options, include_usage: true } };
}

/** Other fields in the form that the body had: JSON text, its bytes, or an object yet to be encoded. */
export function encodedLike(body: unknown, fields: Fields): Fields | string | Uint8Array<ArrayBuffer> {
  if (typeof body === 'string') return JSON.stringify(fields);
  const bytes = body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Blob;
  return bytes ? new TextEncoder().encode(JSON.stringify(fields)) : fields;
}
