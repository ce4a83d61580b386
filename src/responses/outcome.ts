import { guarded } from '../guarded.ts';

/** One reader's side of a body: the response itself, or a clone. Reports once; later reports are ignored. */
export interface Branch {
  /** This branch was read to its end. */
  whole(tell: () => void): void;
  /** This branch failed or was cancelled. */
  lost(tell: () => void): void;
}

/**
 * What became of a body, told once for the response and its clones together: the first whole branch is told at
 * once, a lost one when no other can still be whole. So a clone that is dropped unread keeps a loss from being
 * told, as dropping an unread response does.
 */
export class Outcome {
  #open = 0;
  #told = false;

  branch(): Branch {
    let over = false;
    this.#open += 1;
    const report = (tell: () => void, final: boolean) => {
      if (over) return;
      over = true;
      this.#open -= 1;
      if (this.#told || !(final || this.#open === 0)) return;
      this.#told = true;
      guarded(tell);
    };
    return { whole: (tell) => report(tell, true), lost: (tell) => report(tell, false) };
  }
}
