import type { ReportedUsage } from './reply.ts';

/** A response's body before it is sent. */
export interface Body {
  readonly type: string;
  /** Each arrives by itself. */
  readonly chunks: readonly string[];
}

export function json(value: object): Body {
  return { type: 'application/json', chunks: [JSON.stringify(value)] };
}

/** Events as most endpoints send them, up to `[DONE]`; or, where they have a `type`, each under its name. */
export function eventStream(events: readonly object[], form: 'plain' | 'named' = 'plain'): Body {
  const chunks = events.map((event) => {
    const name = form === 'named' && 'type' in event ? `event: ${event.type}\n` : '';
    return `${name}data: ${JSON.stringify(event)}\n\n`;
  });
  if (form === 'plain') chunks.push('data: [DONE]\n\n');
  return { type: 'text/event-stream; charset=utf-8', chunks };
}

/** As a stream that fails with the signal's reason once it is aborted; with `cut`, it breaks off half-way. */
export function streamOf(
  { chunks }: Body,
  signal: AbortSignal | null | undefined,
  cut: Error | undefined,
): ReadableStream<Uint8Array> {
  const sent = cut === undefined ? chunks : firstHalf(chunks);
  let next = 0;
  const source: UnderlyingDefaultSource<Uint8Array> = {
    start(controller) {
      signal?.throwIfAborted();
      signal?.addEventListener('abort', () => controller.error(signal.reason), { once: true });
    },
    pull(controller) {
      const chunk = sent[next++];
      if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
      else if (cut !== undefined) controller.error(cut);
      else controller.close();
    },
  };
  // No read-ahead: an error would take with it what was read ahead of the app.
  return new ReadableStream(source, { highWaterMark: 0 });
}

function firstHalf(chunks: readonly string[]): readonly string[] {
  const parts = chunks.length === 1 ? [...chunks.join('')] : chunks;
  return parts.slice(0, Math.ceil(parts.length / 2));
}

/** As chat and completions report it. */
export function promptUsage(usage: ReportedUsage) {
  const { promptTokens, completionTokens } = usage;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}

/** As the other endpoints do, before the details that differ. */
export function inputUsage({ promptTokens, completionTokens }: ReportedUsage) {
  return {
    input_tokens: promptTokens,
    output_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

export function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
