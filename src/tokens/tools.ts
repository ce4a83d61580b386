/**
 * Rough count of the prompt tokens of tools and schemas: their JSON text, which is mostly longer than the form in which
 * the models see them. What JSON cannot hold counts nothing: it cannot be sent either.
 */
export function roughSchemaTokens(parts: readonly unknown[], count: (text: string) => number): number {
  let sum = 0;
  for (const part of parts) {
    if (typeof part === 'object' && part !== null) sum += count(jsonText(part));
  }
  return sum;
}

function jsonText(value: object): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    // Cyclic, too deep, or a throwing toJSON: the request cannot be encoded and will not be sent.
    return '';
  }
}
