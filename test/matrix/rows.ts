/** One combination of versions; each is what npm takes behind the `@`. */
export interface Row {
  readonly openai: string;
  readonly keyv: string;
  /** The name of an npm package that brings the runtime, with its version: `node@22`, `bun@latest`. */
  readonly runtime: string;
  /** Only the packed package is tried: the runtime is not that of the tests, or the SDK lacks what they call. */
  readonly packedOnly?: true;
}

const NEWEST: Row = { openai: '7', keyv: '6', runtime: 'node@26' };

/**
 * Not every combination: the newest of everything, each axis varied alone, the oldest major versions together, the very
 * first versions that are supported, and the other runtimes.
 */
export const ROWS: readonly Row[] = [
  NEWEST,
  { ...NEWEST, openai: '6' },
  { ...NEWEST, keyv: '5' },
  { ...NEWEST, runtime: 'node@24' },
  { ...NEWEST, runtime: 'node@22' },
  { openai: '6', keyv: '5', runtime: 'node@22' },
  { openai: '6.0.0', keyv: '5.6.0', runtime: 'node@22.13.0', packedOnly: true },
  { ...NEWEST, runtime: 'bun@latest', packedOnly: true },
  { ...NEWEST, runtime: 'deno@latest', packedOnly: true },
];

const RUNTIMES = ['node', 'bun', 'deno'];

/**
 * The rows that have all of the versions named, e.g. `openai@6,node@22`. If there is none, one is made of them and the
 * newest of the rest.
 *
 * @param only undefined: all rows
 * @throws Error for a name that is none of openai, keyv, node, bun and deno
 */
export function rowsOf(only: string | undefined): readonly Row[] {
  if (only === undefined) return ROWS;
  const wanted = Object.fromEntries(only.split(',').map(partOf));
  const matching = ROWS.filter((row) =>
    Object.entries(wanted).every(([name, value]) => matches(row, name, value)),
  );
  if (matching.length > 0) return matching;
  const made = { ...NEWEST, ...wanted };
  return [made.runtime.startsWith('node@') ? made : { ...made, packedOnly: true }];
}

function partOf(text: string): [keyof Row, string] {
  const [name = '', version] = text.trim().split('@');
  if (RUNTIMES.includes(name)) return ['runtime', `${name}@${version ?? 'latest'}`];
  if ((name === 'openai' || name === 'keyv') && version) return [name, version];
  throw new Error(`--only: expected openai@…, keyv@…, node@…, bun or deno, got ${JSON.stringify(text)}`);
}

function matches(row: Row, name: string, value: unknown): boolean {
  return row[name as keyof Row] === value;
}
