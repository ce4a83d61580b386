import { type Fields, isFields } from '../json.ts';
import type { Endpoint } from './endpoint.ts';

/** The fields that make a stream report its usage, or undefined if it does so already. */
export function askForUsage(endpoint: Endpoint, fields: Fields): Fields | undefined {
  if (endpoint.asksForUsage !== true || fields['stream'] !== true) return undefined;
  const options = isFields(fields['stream_options']) ? fields['stream_options'] : {};
  if (options['include_usage'] === true) return undefined;
  return { ...fields, stream_options: { ...options, include_usage: true } };
}

/** Other fields in the form that the body had: JSON text, its bytes, or an object yet to be encoded. */
export function encodedLike(body: unknown, fields: Fields): Fields | string | Uint8Array<ArrayBuffer> {
  if (typeof body === 'string') return JSON.stringify(fields);
  const bytes = body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Blob;
  return bytes ? new TextEncoder().encode(JSON.stringify(fields)) : fields;
}
