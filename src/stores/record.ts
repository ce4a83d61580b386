import { isFiniteNumber } from '../checks.ts';
import type { StoredReservation } from './store.ts';

/** Models are named by the app; nobody needs more of a longer name. */
const LONGEST_MODEL = 200;

/** A reservation as text, without its counter key. The same for the same reservation, on every worker. */
export function recordOf({ id, reservedAt, endpoint, model, usage }: StoredReservation): string {
  const { requests, promptTokens, completionTokens, tokens, images, cost } = usage;
  return JSON.stringify([
    id,
    reservedAt,
    endpoint,
    model.slice(0, LONGEST_MODEL),
    requests,
    promptTokens,
    completionTokens,
    tokens,
    images,
    cost,
  ]);
}

/** Reads what `recordOf` wrote. @throws Error if it is none */
export function reservationOf(key: string, record: string): StoredReservation {
  const fields: unknown = JSON.parse(record);
  const [id, reservedAt, endpoint, model, ...numbers] = Array.isArray(fields) ? fields : [];
  const [requests, promptTokens, completionTokens, tokens, images, cost] = numbers.filter(isFiniteNumber);
  if (
    typeof id !== 'string' ||
    typeof endpoint !== 'string' ||
    typeof model !== 'string' ||
    !isFiniteNumber(reservedAt) ||
    requests === undefined ||
    promptTokens === undefined ||
    completionTokens === undefined ||
    tokens === undefined ||
    images === undefined ||
    cost === undefined
  ) {
    throw new Error('a reservation in the store is none of the budget');
  }
  const usage = { requests, promptTokens, completionTokens, tokens, images, cost };
  return { id, key, endpoint, model, usage, reservedAt };
}
