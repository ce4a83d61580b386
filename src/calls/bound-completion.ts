import type { Fields } from '../json.ts';
import { choicesOf, type Endpoint } from './endpoint.ts';

/** The field that bounds the output of a call; undefined where no field does. */
function boundField(endpoint: Endpoint, fields: Fields): string | undefined {
  switch (endpoint.path) {
    case '/chat/completions':
      return fields['max_tokens'] == null ? 'max_completion_tokens' : 'max_tokens';
    case '/responses':
      return 'max_output_tokens';
    case '/completions':
      // Echoed prompts and the best of many make its output more than what the field bounds.
      return fields['echo'] === true || fields['best_of'] != null || Array.isArray(fields['prompt'])
        ? undefined
        : 'max_tokens';
    default:
      return undefined;
  }
}

/** How many outputs the bound of a call holds for, each; undefined if its output cannot be bounded. */
export function boundableChoices(endpoint: Endpoint, fields: Fields): number | undefined {
  if (boundField(endpoint, fields) === undefined) return undefined;
  return endpoint.path === '/responses' ? 1 : choicesOf(fields['n']);
}

/** The fields with another bound on the tokens of each output. */
export function withCompletionBound(endpoint: Endpoint, fields: Fields, tokens: number): Fields {
  const name = boundField(endpoint, fields);
  return name === undefined ? fields : { ...fields, [name]: tokens };
}
