import { type Amounts, amounts } from './limits.ts';

/** What becomes of one attempt of a call upstream. Tokens are those of the output. */
export type Answer =
  /** Whole, with its usage: less or more than was asked for. */
  | { readonly kind: 'whole'; readonly promptTokens: number; readonly tokens: number }
  /** Whole, but it does not tell its usage. */
  | { readonly kind: 'silent' }
  /** A stream to its end, with its usage. */
  | { readonly kind: 'stream'; readonly promptTokens: number; readonly tokens: number }
  /** A stream that the app leaves after so many pieces, or that loses its connection there. */
  | { readonly kind: 'left' | 'torn'; readonly tokens: number }
  /** Status 500, no connection at all, a connection that is lost before anything came back. */
  | { readonly kind: 'failed' | 'refused' | 'lost' }
  /** Nothing, ever. */
  | { readonly kind: 'never' };

export interface Call {
  /** The counter key it is made for. */
  readonly user: string;
  /** Of the prompt, a token each. */
  readonly words: number;
  /** Its `max_completion_tokens`. */
  readonly most: number;
  /** One for each attempt: the SDK sends again what failed, if there is a next one. */
  readonly answers: readonly Answer[];
}

/** Tokens of the prompt: 3 a message, 1 for its role, 3 before the reply. */
const FRAMING = 7;

/** What an attempt of the call has to reserve. */
export function asked({ words, most }: Call): Amounts {
  return amounts(1, FRAMING + words, most);
}

/** What the API bills for an answer, or where that cannot be known, what was asked for. */
export function billed(call: Call, answer: Answer): Amounts {
  switch (answer.kind) {
    case 'whole':
    case 'stream':
      return amounts(1, answer.promptTokens, answer.tokens);
    case 'left':
    case 'torn':
      return amounts(1, FRAMING + call.words, answer.tokens);
    case 'failed':
    case 'refused':
      return amounts(0, 0, 0);
    case 'silent':
    case 'lost':
    case 'never':
      return asked(call);
  }
}

/** Numbers from 0 to 1 that look random and are the same in every run: Marsaglia's xorshift. */
export function randomNumbers(seed: number): () => number {
  // Seeds that are near each other must not begin alike.
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Who calls how often, and how much at most: each of them comes to another limit first. */
const USERS = [
  { user: 'long prompts', share: 0.2, words: 240, most: 60 },
  { user: 'many calls', share: 0.3, words: 10, most: 40 },
  { user: 'long answers', share: 0.2, words: 10, most: 200 },
  { user: 'moderate', share: 0.15, words: 40, most: 80 },
  { user: 'like him', share: 0.15, words: 40, most: 80 },
] as const;

export const USER_NAMES = USERS.map(({ user }) => user);

export function randomCall(random: () => number): Call {
  const upTo = (most: number) => 1 + Math.floor(random() * most);
  const { user, ...longest } = choose(random(), USERS);
  const [words, most] = [upTo(longest.words), 10 + upTo(longest.most)];
  // The API may well count the prompt otherwise than the estimate does.
  const promptTokens = FRAMING + words + upTo(5) - 3;
  const [less, more, few] = [upTo(most), most + upTo(50), upTo(12)];
  const { answers } = choose<{ share: number; answers: Answer[] }>(random(), [
    { share: 0.3, answers: [{ kind: 'whole', promptTokens, tokens: less }] },
    { share: 0.15, answers: [{ kind: 'whole', promptTokens, tokens: more }] },
    { share: 0.1, answers: [{ kind: 'stream', promptTokens, tokens: less }] },
    { share: 0.1, answers: [{ kind: 'left', tokens: few }] },
    { share: 0.05, answers: [{ kind: 'torn', tokens: few }] },
    { share: 0.05, answers: [{ kind: 'silent' }] },
    { share: 0.05, answers: [{ kind: 'lost' }] },
    { share: 0.05, answers: [{ kind: 'refused' }] },
    { share: 0.05, answers: [{ kind: 'failed' }] },
    { share: 0.1, answers: [{ kind: 'failed' }, { kind: 'whole', promptTokens, tokens: less }] },
  ]);
  return { user, words, most, answers };
}

/** The one of the choices that a number from 0 to 1 falls on; their shares add up to 1. */
function choose<T extends { readonly share: number }>(chance: number, choices: readonly T[]): T {
  let passed = 0;
  for (const choice of choices) {
    passed += choice.share;
    if (chance < passed) return choice;
  }
  return choices[0] as T;
}
