/**
 * Bounds on the prompt tokens of one input image, from the API's guide to images and vision: the largest that the model
 * family counts for `detail` low, and for any other detail (gpt-4o-mini: 2,833 + 8 tiles of 5,667; patch models: 1,536
 * patches times at most 2.46).
 */
const GPT_4O_MINI = { low: 2_833, most: 48_169 };
const OTHERS = { low: 85, most: 3_800 };

export function imageTokensBound(model: string, detail: unknown): number {
  const { low, most } = model.includes('gpt-4o-mini') ? GPT_4O_MINI : OTHERS;
  return detail === 'low' ? low : most;
}
