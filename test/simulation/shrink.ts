import fc from 'fast-check';
import type { Plan, WorldPlan } from './plan.ts';
import { simulate } from './simulation.ts';

/** A smaller run that breaks the same rule. */
export interface Shrunk {
  readonly plan: Plan;
  readonly violation: string;
  readonly story: readonly string[];
  /** Runs that it took. */
  readonly tries: number;
}

/** Plans that fast-check makes smaller: fewer transactions and faults, shorter ones, less weather. */
class PlanArbitrary extends fc.Arbitrary<Plan> {
  readonly #plan: Plan;

  constructor(plan: Plan) {
    super();
    this.#plan = plan;
  }

  generate(): fc.Value<Plan> {
    return new fc.Value(this.#plan, undefined);
  }

  canShrinkWithoutContext(value: unknown): value is Plan {
    return typeof value === 'object' && value !== null && 'transactions' in value;
  }

  shrink(plan: Plan): fc.Stream<fc.Value<Plan>> {
    return fc.stream(smaller(plan)).map((one) => new fc.Value(one, undefined));
  }
}

function* smaller(plan: Plan): IterableIterator<Plan> {
  for (const transactions of without(plan.transactions)) yield { ...plan, transactions };
  for (const faults of without(plan.faults)) yield { ...plan, faults };
  for (const world of calmer(plan.world)) yield { ...plan, world };
  for (const [index, transaction] of plan.transactions.entries()) {
    if (plan.transactions.length > 20) break;
    for (const steps of without(transaction.steps)) {
      yield { ...plan, transactions: plan.transactions.with(index, { ...transaction, steps }) };
    }
  }
}

/** All but a part, large parts first. */
function* without<T>(list: readonly T[]): IterableIterator<readonly T[]> {
  for (let size = list.length; size >= 1; size = size >> 1) {
    for (let at = 0; at < list.length; at += size) {
      yield [...list.slice(0, at), ...list.slice(at + size)];
    }
  }
}

function* calmer(world: WorldPlan): IterableIterator<WorldPlan> {
  for (const [name, rate] of Object.entries(world.rates)) {
    if (rate > 0) yield { ...world, rates: { ...world.rates, [name]: 0 } };
  }
  if (world.codec) yield { ...world, codec: false };
  if (world.foreign) yield { ...world, foreign: false };
  if (world.oldLog) yield { ...world, oldLog: undefined };
  if (world.restoreLog) yield { ...world, restoreLog: false };
}

/** The rule that a violation names. */
function ruleOf(violation: string | undefined): string | undefined {
  return violation?.split(':')[0];
}

/** Looks for the smallest run that breaks the same rule, within a time. */
export async function shrink(plan: Plan, rule: string, maxMs: number): Promise<Shrunk> {
  const endMs = performance.now() + maxMs;
  let smallest = plan;
  let tries = 0;
  const property = fc.asyncProperty(new PlanArbitrary(plan), async (one) => {
    if (performance.now() > endMs) return; // what is left counts as sound, which ends the search
    tries += 1;
    const { violations } = await simulate(one);
    if (!violations.some((violation) => ruleOf(violation) === rule)) return;
    smallest = one;
    throw new Error(rule);
  });
  await fc.check(property, { numRuns: 1, seed: plan.seed });
  const { violations, story } = await simulate(smallest, true);
  const violation = violations.find((one) => ruleOf(one) === rule) ?? violations[0] ?? rule;
  return { plan: smallest, violation, story, tries };
}
