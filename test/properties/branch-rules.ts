import { expect } from 'vitest';
import { type BranchFact, type BranchModel, type ModelBranch, nameOf } from './branch-model.ts';
import { expectFinished, type Rule } from './rule.ts';

type Seen = Extract<BranchFact, { is: 'seen' }>;
type Answered = Extract<BranchFact, { is: 'answered' }>;

const seenIn = ({ facts }: BranchModel) => facts.filter((fact) => fact.is === 'seen');
const answersIn = ({ facts }: BranchModel) => facts.filter((fact) => fact.is === 'answered');

/** Branches that have voted that they can commit. */
function willing({ facts }: BranchModel): Set<ModelBranch> {
  const votes = facts.filter((fact) => fact.is === 'voted');
  const yes = votes.filter(({ vote, was }) => was === 'open' && vote !== 'read-only');
  return new Set(yes.filter(({ vote }) => vote !== 'no').map(({ branch }) => branch));
}

/** Calls for each answer to the first order of a branch, with the look that follows it. */
function afterFirstAnswers(
  { facts }: BranchModel,
  check: (answered: Answered, seen: Seen) => void,
): void {
  for (const [index, fact] of facts.entries()) {
    if (fact.is !== 'answered' || (fact.was !== 'prepared' && fact.was !== 'open')) continue;
    const seen = facts.slice(index).find((later) => later.is === 'seen');
    if (seen) check(fact, seen);
  }
}

/** AC1 to AC5. */
const commitment: readonly Rule<BranchModel>[] = [
  {
    name: 'AC1, agreement: what a branch answers is what the database shows, all of it',
    needs: ['committed', 'rolled-back', 'committed in one phase'],
    check: (history) => {
      afterFirstAnswers(history, ({ branch, result }, { rows }) => {
        const shown = branch.values.filter((value) => rows.includes(value));
        expect(shown, nameOf(branch)).toEqual(result === 'committed' ? branch.values : []);
      });
    },
  },
  {
    name: 'AC2, irrevocable: the same order again is answered the same',
    needs: ['decided again'],
    check: (history) => {
      const last = new Map<ModelBranch, Answered>();
      for (const fact of history.facts) {
        // What a hand does is "no lost heuristic".
        if (fact.is === 'by hand') last.delete(fact.branch);
        if (fact.is !== 'answered') continue;
        const before = last.get(fact.branch);
        if (before?.order === fact.order && !fact.isBeforeCrash) {
          expect(fact.result, nameOf(fact.branch)).toBe(before.result);
        }
        if (fact.was === 'prepared' || before?.order === fact.order) last.set(fact.branch, fact);
        else last.delete(fact.branch);
      }
    },
  },
  {
    name: 'AC3, only if it voted yes: no row of a branch that did not, nor written after its vote',
    needs: ['a lost one voted no', 'rolled back before its vote', 'went back to a savepoint'],
    check: (history) => {
      const may = new Set([...willing(history)].flatMap(({ values }) => values));
      for (const { rows } of seenIn(history)) {
        expect(rows.filter((row) => !may.has(row))).toEqual([]);
      }
      for (const fact of history.facts) {
        if (fact.is === 'late') expect(fact.code, fact.what).toBe('work-after-end');
        if (fact.is === 'voted' && fact.was === 'lost') expect(fact.vote, fact.why).toBe('no');
      }
    },
  },
  {
    name: 'AC4, with no failure a branch votes yes, and a commit commits it',
    needs: ['prepared', 'kept a savepoint', 'voted read-only', 'committed'],
    check: ({ facts }) => {
      for (const fact of facts) {
        if (fact.is === 'voted' && fact.was === 'open') {
          const yes = ['yes', 'ready'];
          // One that went back to a savepoint has written all the same, for Postgres.
          const mayBe = fact.branch.values.length > 0 ? yes : [...yes, 'read-only'];
          expect(mayBe, fact.why).toContain(fact.vote);
        }
        if (fact.is !== 'answered' || fact.order === 'abort' || fact.order === 'settle') continue;
        const isFirst = fact.was === 'prepared' || fact.was === 'open';
        if (isFirst) expect(fact.result, nameOf(fact.branch)).toBe('committed');
      }
    },
  },
  {
    name: 'AC5, termination: every question is answered, and in the end nothing is prepared',
    needs: ['settled', 'prepared over a restart fast', 'prepared over a restart kill -9'],
    check: (history) => {
      expectFinished(history);
      const results = answersIn(history).map(({ result }) => result);
      expect(results).not.toContain('in-progress');
      expect(seenIn(history).at(-1)?.prepared, 'in the end').toEqual([]);
    },
  },
];

/** What a resource owes beyond. */
const keeping: readonly Rule<BranchModel>[] = [
  {
    name: 'durability: rows and prepared branches outlive the server',
    needs: [
      'prepared over a restart fast',
      'prepared over a restart kill -9',
      'one phase before a kill -9',
    ],
    check: ({ facts }) => {
      let rows: readonly number[] = [];
      let prepared = new Set<string>();
      for (const fact of facts) {
        if (fact.is === 'answered' || fact.is === 'by hand') prepared.delete(nameOf(fact.branch));
        if (fact.is !== 'seen') continue;
        expect(
          rows.filter((row) => !fact.rows.includes(row)),
          'rows',
        ).toEqual([]);
        const missed = [...prepared].filter((name) => !fact.prepared.includes(name));
        expect(missed, 'prepared').toEqual([]);
        ({ rows } = fact);
        prepared = new Set(fact.prepared);
      }
    },
  },
  {
    name: 'no resurrection: what Postgres may have forgotten is unknown, never committed',
    needs: ['unknown after a crash', 'unknown without a receipt'],
    check: (history) => {
      for (const { branch, order, result, hasReceipt, isBeforeCrash } of answersIn(history)) {
        const isForgotten = isBeforeCrash || (!hasReceipt && order === 'commit');
        if (isForgotten) expect(result, nameOf(branch)).toBe('unknown');
      }
    },
  },
  {
    name: 'no lost heuristic: an order against a fate is answered with the fate',
    needs: ['commit by hand', 'rollback by hand', 'decided against a fate'],
    check: (history) => {
      for (const { branch, order, was, result, hasReceipt } of answersIn(history)) {
        const fate = was === 'committed' || was === 'rolled-back' ? was : undefined;
        const ordered = order === 'commit' ? 'committed' : 'rolled-back';
        const isAgainst = fate !== undefined && fate !== ordered && hasReceipt;
        if (isAgainst) expect(result, nameOf(branch)).toBe(fate);
      }
    },
  },
  {
    name: 'at most once: each row is there once, however often it was ordered',
    needs: ['decided again', 'committed in one phase'],
    check: (history) => {
      for (const { rows } of seenIn(history)) expect(rows).toEqual([...new Set(rows)]);
    },
  },
  {
    name: 'stable ids: a scan finds what is prepared, by the ids that it was prepared with',
    needs: ['prepared', 'prepared over a restart kill -9'],
    check: (history) => {
      for (const { prepared, scanned } of seenIn(history)) expect(scanned).toEqual(prepared);
    },
  },
];

/** Each is a test of its own. */
export const branchRules: readonly Rule<BranchModel>[] = [...commitment, ...keeping];
