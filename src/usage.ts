/** What calls use, in the six units a limit can count. Every field is >= 0. */
export interface Usage {
  /** HTTP attempts; a retry of the SDK is one more. */
  requests: number;
  /** Tokens of the input, cached ones included. */
  promptTokens: number;
  /** Tokens of the output, reasoning included. */
  completionTokens: number;
  /** `promptTokens + completionTokens`. */
  tokens: number;
  /** Images generated. */
  images: number;
  /** US dollars. */
  cost: number;
}

export type Unit = keyof Usage;

/** A part of a Usage: what is left out is 0, and `tokens` follows from its two parts where they are given. */
export type UsageInput = { readonly [U in Unit]?: number | undefined };

export const UNITS: readonly Unit[] = [
  'requests',
  'tokens',
  'promptTokens',
  'completionTokens',
  'images',
  'cost',
];

/** Above this, a number of tokens, images or seconds is absurd: it is no report, and no estimate. Keeps sums exact. */
export const MOST_COUNTED = 1e12;

/** Dollars are counted in whole nanodollars, so that sums are exact up to 9 million dollars (2^53 nanodollars). */
export const NANODOLLARS = 1e9;

/** Completes a part of a Usage. The caller has checked that every given number is finite and >= 0. */
export function usageOf(part: UsageInput): Usage {
  const promptTokens = part.promptTokens ?? 0;
  const completionTokens = part.completionTokens ?? 0;
  const inParts = part.promptTokens !== undefined || part.completionTokens !== undefined;
  return {
    requests: part.requests ?? 0,
    promptTokens,
    completionTokens,
    tokens: inParts ? promptTokens + completionTokens : (part.tokens ?? 0),
    images: part.images ?? 0,
    cost: part.cost ?? 0,
  };
}
