import { overridable, overrideGetter, overrideMethods } from './instance.ts';

type Pairs = Iterable<readonly [name: string, value: string]>;

/** Headers that the app sees on a response beside those that were received. */
export class ShownHeaders {
  readonly #headers: Headers;

  private constructor(headers: Headers) {
    this.#headers = headers;
  }

  /** To be called when the response is tapped. Undefined if it cannot be changed: a frozen mock. */
  static on(response: Response): ShownHeaders | undefined {
    if (!overridable(response, ['headers', 'clone'])) return undefined;
    const headers = new Headers(response.headers);
    show(response, headers);
    return new ShownHeaders(headers);
  }

  /** Names that were received are hidden by ours. */
  set(pairs: Pairs): void {
    for (const [name, value] of pairs) this.#headers.set(name, value);
  }
}

/** Received headers cannot be changed: the response is given others, and so is each clone of it. */
function show(response: Response, headers: Headers): void {
  const { clone } = response;
  overrideGetter(response, 'headers', () => headers);
  if (clone === undefined) return;
  overrideMethods(response, {
    clone: () => {
      const copy: Response = clone.call(response);
      if (copy !== response) show(copy, headers);
      return copy;
    },
  });
}
