import type { Call } from '../../src/limits/call.ts';

/** A chat call, as limits see it. */
export function chatCall(body: Call['body'] = {}, attributes: Record<string, string> = {}): Call {
  return { endpoint: '/chat/completions', model: 'gpt-4o-mini', body, caller: { attributes } };
}
