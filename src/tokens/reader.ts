/** The model that reads a prompt. */
export interface Reader {
  readonly name: string;
  /** It spends output tokens on reasoning, which a stream does not show. */
  readonly reasoning: boolean;
  /** Tokens of a text; an upper bound for one that no model could read. */
  tokens(text: string): number;
}
