import { fc } from '../../support/fast-check.ts';
import { happen, rest, type Weather } from './actions.ts';
import type { Core } from './core.ts';
import type { Happening } from './happenings.ts';
import type { Plan } from './resource-manager.ts';
import type { Rule } from './rule.ts';
import { World } from './world.ts';

/** Everything that a run depends on: the same one runs the same way. */
export interface Script {
  readonly plans: readonly Plan[];
  /** How often something fails, and is odd, of 1,024 times. */
  readonly failures: number;
  readonly oddities: number;
  readonly choices: readonly number[];
}

const vote = fc.constantFrom<Plan['vote'][]>('yes', 'yes', 'yes', 'yes', 'read-only', 'no');

const forgets = fc.constantFrom(false, false, false, true);
const habits = { vote, forgets };
const native = fc.record({ kind: kind('native'), canOnePhase: fc.boolean(), ...habits });
const logged = fc.record({ kind: kind('logged'), canOnePhase: fc.constant(false), ...habits });
const onePhase = fc.record({ kind: kind('native'), canOnePhase: fc.constant(true), ...habits });
const last = fc.record({ kind: kind('last'), canOnePhase: fc.constant(true), ...habits });
const any = fc.oneof(native, native, logged);

const anyPlans: fc.Arbitrary<Plan[]> = fc.oneof(
  { weight: 5, arbitrary: fc.noBias(fc.array(any, { minLength: 2, maxLength: 4, size: 'max' })) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.array(any, { minLength: 1, maxLength: 2, size: 'max' }), last, fc.boolean())
      .map(([others, one, isFirst]) => (isFirst ? [one, ...others] : [...others, one])),
  },
  { weight: 2, arbitrary: fc.tuple(fc.oneof(onePhase, last)) },
  { weight: 1, arbitrary: fc.array(any, { maxLength: 1 }) },
);

function kind<Kind extends Plan['kind']>(is: Kind): fc.Arbitrary<Kind> {
  return fc.constant(is);
}

/** Draws participants and choices; shrinks towards a few steps of an undisturbed transaction. */
export const scripts: fc.Arbitrary<Script> = fc.record({
  plans: anyPlans,
  failures: fc.constantFrom(16, 64, 256),
  oddities: fc.constantFrom(16, 128),
  choices: fc.noBias(fc.array(fc.nat(1_023), { maxLength: 70, size: 'max' })),
});

/**
 * Runs one script under the eyes of rules, then stops all failures and lets everything rest.
 * @throws the first broken rule, with the trace of the run.
 */
export function run(
  core: Core,
  weather: Weather,
  { plans, choices, ...frequencies }: Script,
  rules: readonly Pick<Rule, 'watch'>[],
): readonly Happening[] {
  const world = new World(core, plans);
  world.watches = rules.map((rule) => rule.watch(world));
  if (weather === 'hands') {
    for (const rm of world.rms) rm.receiptReadable = !rm.plan.forgets;
  }
  const happened: Happening[] = [];
  try {
    for (const choice of choices) {
      const next = happen(world, { weather, ...frequencies }, choice);
      if (next !== undefined) happened.push(next);
    }
    rest(world, weather);
  } catch (error) {
    if (error instanceof Error) error.message += `\n\n${world.trace.join('\n')}\n`;
    throw error;
  }
  return happened;
}
