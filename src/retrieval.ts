import type { Budget } from './budget.ts';
import { type ResponseState, readResponse, readResponseEvent } from './responses/background.ts';
import { tapEventStream } from './responses/event-stream.ts';
import { tapBody } from './responses/tap-body.ts';

/**
 * Watches the answer to a request that reads a response made before: one that went on in the background is settled by
 * whichever worker sees its usage. What cannot be watched leaves the estimate standing.
 */
export async function watchRetrieval(budget: Budget, sent: Promise<Response>): Promise<Response> {
  const response = await sent;
  if (response.status >= 300) return response;
  const settle = (state: ResponseState | undefined) => {
    if (state?.background !== true || state.used === undefined) return;
    budget.background.settle(state.id, state.used === 'nothing' ? undefined : state.used);
  };
  const unknown = () => undefined;
  if (response.headers.get('content-type')?.includes('text/event-stream')) {
    const event = (data: string) => {
      settle(readResponseEvent(data));
      return undefined;
    };
    tapEventStream(response, { mayHide: false, event, end: unknown });
  } else {
    const complete = (text: string) => settle(readResponse(text));
    tapBody(response, { complete, failed: unknown, cancelled: unknown, oversized: unknown });
  }
  return response;
}
