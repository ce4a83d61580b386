import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompletionForecast, maxCompletionTokens } from '../../src/tokens/completion.ts';

describe('CompletionForecast', () => {
  test('is above about 95 % of what was seen, and not by more than a quarter', () => {
    const forecast = new CompletionForecast();
    for (let tokens = 1; tokens <= 1_000; tokens++) forecast.observe('gpt-4o', tokens);
    expect(forecast.expected('gpt-4o')).toBeGreaterThanOrEqual(950);
    expect(forecast.expected('gpt-4o')).toBeLessThanOrEqual(1_250);
  });

  test('follows a change, and keeps models apart', () => {
    const forecast = new CompletionForecast();
    for (let i = 0; i < 10_000; i++) forecast.observe('gpt-4o', 5_000);
    for (let i = 0; i < 10_000; i++) forecast.observe('gpt-4o', 50);
    expect(forecast.expected('gpt-4o')).toBeLessThanOrEqual(63);
    expect(forecast.expected('gpt-4.1')).toBeGreaterThan(1_000);
    expect(forecast.expected('o3')).toBeGreaterThan(forecast.expected('gpt-4.1'));
  });

  test('never exceeds what the model can give, whatever was seen', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e12, noNaN: true })), (seen) => {
        const forecast = new CompletionForecast();
        for (const tokens of seen) forecast.observe('gpt-4o', tokens);
        const expected = forecast.expected('gpt-4o');
        expect(expected).toBeGreaterThanOrEqual(1);
        expect(expected).toBeLessThanOrEqual(maxCompletionTokens('gpt-4o'));
      }),
    );
  });
});

test.each([
  ['gpt-4o-mini-2024-07-18', 16_384],
  ['gpt-4.1-nano', 32_768],
  ['gpt-4-0613', 8_192],
  ['gpt-4-turbo', 4_096],
  ['gpt-3.5-turbo', 4_096],
  ['o4-mini', 100_000],
  ['gpt-5.4', 128_000],
  ['', 128_000],
])('%j gives at most %i tokens', (model, tokens) => {
  expect(maxCompletionTokens(model)).toBe(tokens);
});
