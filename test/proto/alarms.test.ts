import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Alarms } from '../../proto/src/index.ts';

/** A clock that goes on when it is told to. */
class HandClock {
  now = 0.5;
  timers: { readonly atMs: number; readonly action: () => void }[] = [];

  nowMs(): number {
    return this.now;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.now + delayMs, action };
    this.timers.push(timer);
    return () => this.#drop(timer);
  }

  goOn(ms: number): void {
    const untilMs = this.now + ms;
    for (;;) {
      const [next] = this.timers.toSorted((a, b) => a.atMs - b.atMs);
      if (!next || next.atMs > untilMs) break;
      this.#drop(next);
      this.now = next.atMs;
      next.action();
    }
    this.now = untilMs;
  }

  #drop(timer: object): void {
    this.timers = this.timers.filter((one) => one !== timer);
  }
}

test('each goes off at its time or up to 8 ms later, and once', () => {
  const delays = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 20 });
  fc.assert(
    fc.property(delays, (all) => {
      const clock = new HandClock();
      const alarms = new Alarms(clock);
      const late = new Map<number, number>();
      for (const [index, delayMs] of all.entries()) {
        const dueMs = clock.now + delayMs;
        alarms.set(delayMs, () => {
          expect(late.has(index)).toBe(false);
          late.set(index, clock.now - dueMs);
        });
        clock.goOn(delayMs / 10);
      }
      clock.goOn(200);
      expect(late.size).toBe(all.length);
      for (const lateMs of late.values()) {
        expect(lateMs).toBeGreaterThanOrEqual(-1e-9);
        expect(lateMs).toBeLessThanOrEqual(8);
      }
    }),
  );
});

test('what is called off does not go off, and the last one lets the timer go', () => {
  const clock = new HandClock();
  const alarms = new Alarms(clock);
  const heard: string[] = [];
  const first = alarms.set(20, () => heard.push('first'));
  const second = alarms.set(20, () => {
    heard.push('second');
    third.cancel(); // in the same few milliseconds
  });
  const third = alarms.set(20, () => heard.push('third'));
  expect(clock.timers).toHaveLength(1);
  first.cancel();
  first.cancel();
  clock.goOn(40);
  expect(heard).toEqual(['second']);
  second.cancel();

  alarms.set(20, () => heard.push('never')).cancel();
  expect(clock.timers).toEqual([]);
});

test('one that is set while others go off comes in its own time', () => {
  const clock = new HandClock();
  const alarms = new Alarms(clock);
  const heard: number[] = [];
  const again = (): void => {
    heard.push(clock.now);
    if (heard.length < 3) alarms.set(0, again);
  };
  alarms.set(10, again);
  clock.goOn(100);
  expect(heard).toHaveLength(3);
  expect(clock.timers).toEqual([]);
});
