import { vi } from 'vitest';
import type { EventStreamSink } from '../../src/responses/event-stream.ts';
import type { BodySink } from '../../src/responses/tap-body.ts';

/** A sink that writes down its calls. */
export function bodySink(): BodySink & { readonly calls: unknown[][] } {
  const calls: unknown[][] = [];
  return {
    calls,
    complete: (text) => calls.push(['complete', text]),
    oversized: () => calls.push(['oversized']),
    failed: (error) => calls.push(['failed', error]),
    cancelled: () => calls.push(['cancelled']),
  };
}

export interface RecordedEvents extends EventStreamSink {
  readonly events: string[];
  readonly ends: unknown[][];
}

/** Hides the events of these numbers; `'observe'` says that it never will. */
export function eventSink(hidden: 'observe' | ((index: number, data: string) => boolean)): RecordedEvents {
  const events: string[] = [];
  const ends: unknown[][] = [];
  return {
    events,
    ends,
    mayHide: hidden !== 'observe',
    event: (data) => {
      events.push(data);
      return hidden !== 'observe' && hidden(events.length - 1, data) ? 'hide' : undefined;
    },
    end: (...outcome) => ends.push(outcome),
  };
}

/** Collects what sinks throw, which else would surface as uncaught errors. */
export function uncaughtErrors(): unknown[] {
  const errors: unknown[] = [];
  const real = globalThis.queueMicrotask;
  vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((call) => {
    real(() => {
      try {
        call();
      } catch (error) {
        errors.push(error);
      }
    });
  });
  return errors;
}
