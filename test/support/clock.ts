/** A clock that stands still until it is moved. */
export class ManualClock {
  now: number;

  constructor(now = Date.UTC(2026, 10, 21, 9)) {
    this.now = now;
  }

  readonly read = (): number => this.now;

  advance(milliseconds: number): void {
    this.now += milliseconds;
  }
}
