import { baseModel } from './model.ts';

/** Counts the 512-pixel tiles of an image: `base` for any image, `tile` for each. At detail low, `base` alone. */
export interface TileRule {
  readonly base: number;
  readonly tile: number;
}

/** Counts the 32-pixel patches of an image, times `percent` of a token. */
export interface PatchRule {
  readonly percent: number;
  readonly low: PatchLimits;
  readonly high: PatchLimits;
  readonly original: PatchLimits;
  /** Also where a request names no detail. */
  readonly auto: PatchLimits;
}

/** An image is shrunk until no side is longer than `side` pixels, then until it needs no more than `budget` patches. */
export interface PatchLimits {
  readonly side: number;
  readonly budget: number;
}

export type ImageRule = TileRule | PatchRule;

/*
 * From the API's guide to images and vision ("Model sizing behavior", "Calculating costs", as of autumn 2026); the tables
 * of tiles and the multipliers of gpt-4.1-mini, gpt-4.1-nano, gpt-5-mini, gpt-5-nano and o4-mini are seen in recordings.
 */
const COARSE: PatchLimits = { side: 512, budget: 256 };
const FINE: PatchLimits = { side: 2_048, budget: 2_500 };
const ORIGINAL: PatchLimits = { side: 6_000, budget: 10_000 };
/** No budget; but an image of more patches is refused. */
const UNSHRUNK: PatchLimits = { side: 65_535, budget: 30_000 };
/**
 * Models that know no `original` treat every detail alike. The guide's budget for them was 1,536 until 2026 and is
 * 6,144 now, for those that it still lists; it counts for all of them, so that none is estimated too low.
 */
const ANY: PatchLimits = { side: 2_048, budget: 6_144 };

/** The first that matches. */
const RULES: readonly (readonly [family: RegExp, rule: ImageRule])[] = [
  [/^gpt-4o-mini/, { base: 2_833, tile: 5_667 }],
  [/^gpt-4\.1-mini/, samePatches(162)],
  [/^gpt-4\.1-nano/, samePatches(246)],
  [/^(gpt-[34]|gpt-?35|chatgpt-4o|gpt-(audio|realtime))/, { base: 85, tile: 170 }],
  [/^(o4-mini|codex-mini)/, samePatches(172)],
  [/^o\d/, { base: 75, tile: 150 }],
  [/^computer-use/, { base: 65, tile: 129 }],
  [/^gpt-5-nano/, samePatches(150)],
  [/^gpt-5(-|\.1-codex-|-codex-)mini/, samePatches(120)],
  [/^gpt-5(\.1)?(-|$)/, { base: 70, tile: 140 }],
  [/^gpt-5\.[23](-|$)/, samePatches(120)],
  [/^gpt-5\.4(-|$)/, { percent: 120, low: ANY, high: FINE, original: ORIGINAL, auto: FINE }],
  [/^gpt-5\.5(-|$)/, { percent: 120, low: COARSE, high: FINE, original: ORIGINAL, auto: ORIGINAL }],
];
/** gpt-5.6 and later, and models of unknown names. */
const CURRENT: PatchRule = {
  percent: 120,
  low: COARSE,
  high: { side: UNSHRUNK.side, budget: FINE.budget },
  original: UNSHRUNK,
  auto: UNSHRUNK,
};

/** How a model counts the images of its prompt, by its family. */
export function imageRule(model: string): ImageRule {
  const name = baseModel(model);
  return RULES.find(([family]) => family.test(name))?.[1] ?? CURRENT;
}

function samePatches(percent: number): PatchRule {
  return { percent, low: ANY, high: ANY, original: ANY, auto: ANY };
}
