import { fc } from '../support/fast-check.ts';
import { beforeAll, expect } from 'vitest';
import { assertOptions, type Command, livesTimeoutMs, Reached, shrinkOptions } from './runs.ts';

/** One thing that must never be otherwise, whatever happened. */
export interface Rule<H> {
  /** The rule and what it says: "AC2, irrevocable: …". */
  readonly name: string;
  /** What lives must have come to, or the rule was not tried. */
  readonly needs: readonly string[];
  /** Looks at a life that is over. @throws when the rule was broken in it. */
  readonly check: (history: H) => void;
}

/** How a layer is lived with. */
export interface Layer<M extends object, R, H> {
  /** One life that comes to every state, however few the random ones are. */
  readonly wholeLife: (reached: Reached) => Iterable<Command<M, R>>;
  readonly commands: (reached: Reached) => readonly fc.Arbitrary<Command<M, R>>[];
  readonly maxCommands: number;
  /** Lives through the steps; what fails on the way stands in the history. */
  readonly live: (steps: Iterable<Command<M, R>>, reached: Reached) => Promise<H>;
  readonly fewRuns: number;
}

/** The first life that broke a rule: the whole one is number 0. */
interface Broken {
  readonly life: number;
  readonly error: unknown;
}

/** Rules whose lives are lived before the first test. */
export interface SharedLives<H> {
  /** With their names, for a test each. */
  readonly rules: readonly (readonly [string, Rule<H>])[];
  /** For each of the tests. */
  readonly options: { readonly timeout: number };
  /** Fails when a rule was broken, with the shortest life that breaks it, or was not tried. */
  readonly check: (rule: Rule<H>) => Promise<void>;
}

/**
 * Lets rules look at the same lives, so that a rule more costs nothing. One that is broken is tried
 * again alone.
 */
export function sharedLives<M extends object, R, H>(
  layer: Layer<M, R, H>,
  rules: readonly Rule<H>[],
): SharedLives<H> {
  const { wholeLife, live, maxCommands, fewRuns } = layer;
  const reached = new Reached();
  const broken = new Map<Rule<H>, Broken>();
  const commands = fc.commands([...layer.commands(reached)], { maxCommands, size: 'max' });

  const judge = (life: number, history: H) => {
    for (const rule of rules) {
      const error = errorOf(() => rule.check(history));
      if (error !== undefined && !broken.has(rule)) broken.set(rule, { life, error });
    }
  };

  beforeAll(async () => {
    judge(0, await live(wholeLife(reached), reached));
    let life = 0;
    const isLived = fc.asyncProperty(commands, async (steps) => {
      judge((life += 1), await live(steps, reached));
    });
    await fc.assert(isLived, assertOptions(fewRuns));
  }, livesTimeoutMs(fewRuns));

  const check = async (rule: Rule<H>) => {
    const found = broken.get(rule);
    if (found && found.life > 0) await shrink(rule, found);
    if (found) throw found.error;
    reached.expectAll(rule.needs);
  };
  const named = rules.map((rule) => [rule.name, rule] as const);
  return { rules: named, options: { timeout: livesTimeoutMs(fewRuns) }, check };

  /** Fails with the shortest life that breaks the rule. */
  async function shrink(rule: Rule<H>, { life }: Broken): Promise<void> {
    let count = 0;
    const holds = fc.asyncProperty(commands, async (steps) => {
      count += 1;
      if (count >= life) rule.check(await live(steps, reached));
    });
    await fc.assert(holds, { ...shrinkOptions, numRuns: life });
  }
}

function errorOf(check: () => void): unknown {
  try {
    check();
  } catch (error) {
    return error ?? new Error('it failed');
  }
  return undefined;
}

/** Fails unless a life came to its end. */
export function expectFinished({ failure }: { readonly failure: unknown }): void {
  expect(failure, 'the life comes to its end').toBeUndefined();
}
