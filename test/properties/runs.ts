import process from 'node:process';
import type { fc } from '../support/fast-check.ts';

import { expect } from 'vitest';

/** PROPERTY_RUNS=1000 for a long run; a few runs unless told. */
function propertyRuns(fewRuns: number): number {
  return Number(process.env['PROPERTY_RUNS'] ?? fewRuns);
}

/** How long the lives of a layer may take: as many as were asked for, on a busy machine. */
export function livesTimeoutMs(fewRuns: number): number {
  return 60_000 + propertyRuns(fewRuns) * 30_000;
}

/** Options of all properties. */
export function assertOptions(fewRuns: number): fc.Parameters<unknown> {
  return { numRuns: propertyRuns(fewRuns), endOnFailure: true };
}

/** The steps to a failure are slow, so that shrinking has an end, too. */
export const shrinkOptions: fc.Parameters<unknown> = {
  interruptAfterTimeLimit: 120_000,
  verbose: 1,
};

/** What the runs of a property came to: a property that never reached a state shows nothing of it. */
export class Reached {
  readonly #counts = new Map<string, number>();

  note(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** Fails when one of these was never reached. */
  expectAll(names: readonly string[]): void {
    const missed = names.filter((name) => !this.#counts.has(name));
    const counts = JSON.stringify(Object.fromEntries(this.#counts));
    expect(missed, `never reached; reached were ${counts}`).toEqual([]);
  }
}

/** A command of a model: what may happen, and what is seen then. */
export type Command<M extends object, R> = fc.AsyncCommand<M, R>;
