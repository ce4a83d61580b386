import { expect, vi } from 'vitest';
import type { Scene } from './scene.ts';

/** Milliseconds within which a line has its turn: those between two turns, and what Bottleneck takes. */
export const TURN = 30;

/** Lets faked time pass. */
export async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds);
}

export function expectAdmitted(scene: Scene, name: string, at: number): void {
  const outcome = scene.outcomes.get(name);
  expect(outcome, name).toHaveProperty('admittedAt');
  if (outcome === undefined || !('admittedAt' in outcome)) return;
  expect(outcome.admittedAt, name).toBeGreaterThanOrEqual(at);
  expect(outcome.admittedAt, name).toBeLessThanOrEqual(at + TURN);
}

export function expectRefused(scene: Scene, name: string, at: number, error: unknown): void {
  expect(scene.outcomes.get(name), name).toEqual({ refusedAt: at, error });
}
