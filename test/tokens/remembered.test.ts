import { describe, expect, test } from 'vitest';
import type { Reader } from '../../src/tokens/reader.ts';
import { remembered } from '../../src/tokens/remembered.ts';

function counting(): { model: Reader; count: (text: string) => number; calls: string[] } {
  const calls: string[] = [];
  const count = (text: string) => {
    calls.push(text);
    return text.length;
  };
  return { model: { name: 'm', reasoning: false, tokens: count }, count, calls };
}

describe('a count', () => {
  test('is made once for a text', () => {
    const { model, count, calls } = counting();
    expect(remembered(model, 'abc', count)).toBe(3);
    expect(remembered(model, ['a', 'bc'].join(''), count)).toBe(3);
    expect(calls).toEqual(['abc']);
  });

  test('is made for each model', () => {
    const one = counting();
    const other = counting();
    remembered(one.model, 'abc', one.count);
    remembered(other.model, 'abc', other.count);
    expect(other.calls).toEqual(['abc']);
  });

  test('is forgotten after enough others, unless it is asked for meanwhile', () => {
    const { model, count, calls } = counting();
    remembered(model, 'kept', count);
    remembered(model, 'left', count);
    for (let i = 0; i < 50; i++) {
      remembered(model, 'x'.repeat(100_000) + i, count);
      remembered(model, 'kept', count);
    }
    calls.length = 0;
    remembered(model, 'kept', count);
    remembered(model, 'left', count);
    expect(calls).toEqual(['left']);
  });
});
