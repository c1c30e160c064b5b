import { fc } from '../../support/fast-check.ts';
import { expect, test } from 'vitest';
import type { VerdictOn } from '../../../coordinator/src/protocol/answers.ts';
import type { Input, Result, Vote } from '../../../coordinator/src/protocol/decide.ts';
import type { Message } from '../../../coordinator/src/protocol/step.ts';
import type {
  BranchState,
  Transaction,
  TransactionEvent,
} from '../../../coordinator/src/protocol/transaction.ts';
import type { Weather } from './actions.ts';
import { production } from './core.ts';
import { happenings } from './happenings.ts';
import type { RmState } from './resource-manager.ts';
import { run, scripts } from './run.ts';
import type { Watch, World } from './world.ts';

/** Every name of a union: one that is missing, or one too many, does not compile. */
type Every<Name extends string> = Readonly<Record<Name, true>>;

const phases: Every<Transaction['phase']> = {
  active: true,
  preparing: true,
  deciding: true,
  delegating: true,
  delegated: true,
  committing: true,
  committed: true,
  aborted: true,
};

const branchStates: Every<BranchState['is']> = {
  working: true,
  asked: true,
  no: true,
  'read-only': true,
  yes: true,
  ready: true,
  committed: true,
  'rolled-back': true,
  heuristic: true,
  resolved: true,
};

const events: Every<TransactionEvent['kind']> = {
  enlisted: true,
  'prepare-asked': true,
  'came-whole': true,
  voted: true,
  'nothing-to-commit': true,
  aborted: true,
  recorded: true,
  followed: true,
  reported: true,
  'commit-decided': true,
  delegated: true,
  'last-asked': true,
  settled: true,
  heuristic: true,
  resolved: true,
  acknowledged: true,
  ended: true,
};

const messages: Every<Message['kind']> = {
  prepare: true,
  'prepare-one-phase': true,
  commit: true,
  apply: true,
  'one-phase': true,
  settle: true,
  abort: true,
};

const inputs: Every<Input['kind']> = {
  enlist: true,
  commit: true,
  whole: true,
  abort: true,
  deadline: true,
  'session-lost': true,
  vote: true,
  recorded: true,
  result: true,
  resolve: true,
};

const votes: Every<Vote['is']> = { yes: true, ready: true, 'read-only': true, no: true };

const results: Every<Result['is']> = {
  committed: true,
  'rolled-back': true,
  unknown: true,
  pending: true,
};

const verdicts: Every<VerdictOn> = { commit: true, abort: true, wait: true, hazard: true };

const rmStates: Every<RmState> = {
  absent: true,
  working: true,
  'read-only': true,
  prepared: true,
  ready: true,
  committing: true,
  committed: true,
  'rolled-back': true,
};

/** Recovery has to cope with each phase in which a coordinator can crash. */
const crashes = Object.keys(phases);

test('every phase, state, event, message, input and failure is reached by the properties', () => {
  const seen = new Map<string, Set<string>>();
  const saw = (what: string, name: string) => {
    const names = seen.get(what) ?? new Set<string>();
    seen.set(what, names.add(name));
  };
  const collector = {
    watch: (world: World): Watch => ({
      stepped({ input, events: happened, messages: told }) {
        saw('inputs', input.kind);
        if (input.kind === 'vote') saw('votes', input.vote.is);
        if (input.kind === 'result') saw('results', input.result.is);
        for (const event of happened) saw('events', event.kind);
        for (const message of told) saw('messages', message.kind);
      },
      sent(order) {
        if (order.kind === 'verdict') saw('verdicts', order.verdict);
        else saw('messages', order.kind);
      },
      restarted(lost) {
        saw('crashes', lost?.phase ?? 'unknown');
      },
      acted() {
        if (world.tx) saw('phases', world.tx.phase);
        for (const branch of world.tx?.branches ?? []) saw('branchStates', branch.state.is);
        for (const rm of world.rms) saw('rmStates', rm.state);
      },
    }),
  };
  const runs: [Weather, number][] = [
    ['calm', 300],
    ['failures', 1_500],
    ['hands', 4_000],
  ];
  for (const [weather, numRuns] of runs) {
    for (const script of fc.sample(scripts, { numRuns, seed: 1 })) {
      for (const next of run(production, weather, script, [collector])) saw('happenings', next);
    }
  }
  const wanted = { phases, branchStates, events, messages, inputs, votes, results, verdicts };
  const lists = Object.entries({ ...wanted, rmStates }).map(([what, names]) => {
    return [what, Object.keys(names)] as const;
  });
  lists.push(['happenings', [...happenings]], ['crashes', crashes]);
  const missing = lists.flatMap(([what, names]) => {
    return names.filter((name) => !seen.get(what)?.has(name)).map((name) => `${what}: ${name}`);
  });
  expect(missing).toEqual([]);
});
