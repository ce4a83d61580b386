import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompletionForecast, maxCompletionTokens } from '../../src/tokens/completion.ts';

describe('CompletionForecast', () => {
  test('is above about 95 % of what was seen, and not by more than a quarter', () => {
    const forecast = new CompletionForecast(0.95, false);
    for (let tokens = 1; tokens <= 1_000; tokens++) forecast.observe('gpt-4o', 'team', tokens);
    expect(forecast.expected('gpt-4o', 'team')).toBeGreaterThanOrEqual(950);
    expect(forecast.expected('gpt-4o', 'team')).toBeLessThanOrEqual(1_250);
  });

  test('follows a change, and keeps models apart', () => {
    const forecast = new CompletionForecast(0.95, false);
    for (let i = 0; i < 10_000; i++) forecast.observe('gpt-4o', 'team', 5_000);
    for (let i = 0; i < 10_000; i++) forecast.observe('gpt-4o', 'team', 50);
    expect(forecast.expected('gpt-4o', 'team')).toBeLessThanOrEqual(63);
    expect(forecast.expected('gpt-4.1', 'team')).toBeGreaterThan(1_000);
    expect(forecast.expected('o3', 'team')).toBeGreaterThan(forecast.expected('gpt-4.1', 'team'));
  });

  test('learns for each key where it is told to; a new key is expected to be as the others', () => {
    const forecast = new CompletionForecast(0.9, true);
    for (let i = 0; i < 100; i++) {
      forecast.observe('gpt-4o', 'short', 10);
      forecast.observe('gpt-4o', 'long', 3_000);
    }
    expect(forecast.expected('gpt-4o', 'short')).toBeLessThan(15);
    expect(forecast.expected('gpt-4o', 'long')).toBeGreaterThanOrEqual(3_000);
    expect(forecast.expected('gpt-4o', 'new')).toBeGreaterThanOrEqual(3_000);
  });

  test('forgets the oldest of very many keys', () => {
    const forecast = new CompletionForecast(0.95, true);
    for (let i = 0; i < 100; i++) forecast.observe('gpt-4o', 'first', 10);
    const before = forecast.expected('gpt-4o', 'first');
    for (let i = 0; i < 5_000; i++) forecast.observe('gpt-4o', `key ${i}`, 900);
    expect(forecast.expected('gpt-4o', 'first')).toBeGreaterThan(before);
  });

  test('never exceeds what the model can give, whatever was seen', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e12, noNaN: true })), (seen) => {
        const forecast = new CompletionForecast(0.95, false);
        for (const tokens of seen) forecast.observe('gpt-4o', 'team', tokens);
        const expected = forecast.expected('gpt-4o', 'team');
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
  ['ft:o4-mini-2025-04-16:acme::abc', 100_000],
  ['openai/gpt-4o', 16_384],
  ['gpt-5.4', 128_000],
  ['', 128_000],
])('%j gives at most %i tokens', (model, tokens) => {
  expect(maxCompletionTokens(model)).toBe(tokens);
});
