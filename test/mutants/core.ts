import { mutants as coreMutants } from '../coordinator/protocol/mutants.ts';
import type { Mutant } from './mutant.ts';

const scenarios = 'test/coordinator/protocol/scenarios.test.ts';

/** Defects of the coordinator's core. The first list is also run, rule by rule, in every test run. */
export const core: readonly Mutant[] = [
  ...coreMutants.map(({ killers, file, ...mutant }): Mutant => {
    const tests = killers.map(
      ({ name }) => `test/coordinator/protocol/properties.test.ts > ${name}`,
    );
    return { ...mutant, file: `coordinator/src/protocol/${file}`, tests };
  }),
  {
    name: 'aborts after the commit was asked for, because its owner is gone',
    file: 'coordinator/src/protocol/decide.ts',
    from: "if (state.phase === 'active' && owned) {",
    to: 'if (owned) {',
    breaks: ['scenario 1'],
    tests: [scenarios, 'test/integration/crash-client.test.ts > before the decision'],
  },
  {
    name: 'keeps the redo payloads of what is over for as long as its outcome',
    file: 'coordinator/src/protocol/transaction.ts',
    from: "return { phase: 'committed', gid, branches: withoutRedo(branches) };",
    to: "return { phase: 'committed', gid, branches };",
    breaks: ['rule 16'],
    tests: ['test/coordinator/coordinator.test.ts > no redo payload is kept'],
  },
  {
    name: 'keeps a branch whose session was lost before its vote',
    file: 'coordinator/src/protocol/decide.ts',
    from: 'if (lost === undefined) return nothing;',
    to: 'return nothing;',
    breaks: ['rule 2'],
    tests: [scenarios],
  },
  {
    name: 'gives up a branch of a live transaction that is asked about',
    file: 'coordinator/src/protocol/answers.ts',
    from: "return 'wait';",
    to: "return 'abort';",
    breaks: ['rule 10', 'scenario 8'],
    tests: ['test/coordinator/coordinator.test.ts > a live gid is answered wait'],
  },
  {
    name: 'believes an abort that found nothing more than the resource manager itself',
    file: 'coordinator/src/protocol/decide-phase-two.ts',
    from: "said.is === 'rolled-back' ||",
    to: '',
    breaks: ['rule 13'],
    tests: [scenarios],
  },
  {
    name: 'believes that what voted no holds nothing, whatever the resource manager says',
    file: 'coordinator/src/protocol/decide-phase-two.ts',
    from: "(said.is === 'no' ||",
    to: '(',
    breaks: ['rule 13'],
    tests: [scenarios],
  },
  {
    name: 'undoes a branch that an operator has abandoned',
    file: 'coordinator/src/protocol/answers.ts',
    from: "if (resolution === 'abandoned') return 'hazard';",
    to: "if (resolution === 'abandoned') return 'abort';",
    breaks: ['rule 13'],
    tests: ['test/exhaustive/operators-words.test.ts', scenarios],
  },
];
