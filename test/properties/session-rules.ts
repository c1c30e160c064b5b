import { expect } from 'vitest';
import { expectFinished, type Rule } from './rule.ts';
import type { Heard, ModelTransaction, Place, SessionModel } from './session-model.ts';

type Check = (one: ModelTransaction) => void;

/** A rule that looks at each transaction by itself. */
const ofEach = (check: Check) => (history: SessionModel) => {
  for (const one of history.transactions) check(one);
};

/** All that anybody heard, the answer to commit first. */
function allHeard({ heard, atEnd }: ModelTransaction): Heard[] {
  return [...heard, ...atEnd];
}

/** Whether a place shows what the transaction wrote there. */
function isThere({ rows, effectIds }: ModelTransaction, place: Place): boolean {
  return place === 'mail' ? effectIds.length > 0 : rows[place] > 0;
}

const isByHand = ({ fault }: ModelTransaction) => fault === 'by hand';

/** AC1 to AC5. */
const commitment: readonly Rule<SessionModel>[] = [
  {
    name: 'AC1, agreement: all places of a transaction end alike, and all hear the same',
    needs: ['committed, fault: none', 'fault: scanned', 'fault: no', 'fault: cut'],
    check: ofEach((one) => {
      const { name, places, atEnd } = one;
      const [first, second] = atEnd;
      expect(second?.outcome, `both hear the same of ${name}`).toBe(first?.outcome);
      // Whoever ended it by hand did not ask the others: see "no lost heuristic".
      const whole = places.filter((place) => !(isByHand(one) && place === 'stock'));
      const shown = whole.filter((place) => isThere(one, place));
      expect(shown, `${name} is everywhere or nowhere`).toEqual(shown.length > 0 ? whole : []);
    }),
  },
  {
    name: 'AC2, irrevocable: nobody ever hears of both outcomes',
    needs: ['asked: committed', 'asked: aborted', 'cut', 'restarted', 'fault: restart'],
    check: ofEach((one) => {
      const known = allHeard(one).filter((heard) => !heard.isForgotten);
      const outcomes = known.map(({ outcome }) => outcome);
      const final = outcomes.filter((is) => is === 'committed' || is === 'aborted');
      expect(new Set(final).size, `${one.name}: ${final.join()}`).toBeLessThanOrEqual(1);
    }),
  },
  {
    name: 'AC3, only if all voted yes: after a no, or unasked, nothing is committed',
    needs: ['fault: no', 'aborted'],
    check: ofEach((one) => {
      const { name, hasNo, isAsked, places } = one;
      if (!hasNo && isAsked) return;
      const heard = allHeard(one).map(({ outcome }) => outcome);
      expect(heard, name).not.toContain('committed');
      expect(
        places.filter((place) => isThere(one, place)),
        name,
      ).toEqual([]);
    }),
  },
  {
    name: 'AC4, with no failure and all votes yes it is committed',
    needs: ['fault: none', 'one phase', 'at home', 'fault: effect again', 'fault: by hand'],
    check: ofEach(({ name, isFaulted, fault, answer }) => {
      if (isFaulted || answer === undefined) return;
      if (fault === 'no' || fault === 'cut' || fault === 'restart') return;
      expect(['committed', 'heuristic'], `${name}, fault: ${fault}`).toContain(answer);
    }),
  },
  {
    name: 'AC5, termination: when the faults are over, all is decided and carried out',
    needs: ['fault: no', 'fault: cut', 'fault: restart', 'cut', 'restarted'],
    check: (history) => {
      expectFinished(history);
      expect(history.undecided, 'in the end').toBeUndefined();
      for (const { name, atEnd } of history.transactions) {
        const outcomes = atEnd.map(({ outcome }) => outcome);
        expect(outcomes, name).not.toContain('unknown');
        expect(outcomes, name).not.toContain('pending');
      }
    },
  },
];

/** What sessions owe beyond. */
const keeping: readonly Rule<SessionModel>[] = [
  {
    name: 'durability: an outcome is known, over every restart, until it is forgotten',
    needs: ['committed, fault: none', 'asked: committed', 'restarted'],
    check: ofEach((one) => {
      const kept = allHeard(one).filter((heard) => !heard.isForgotten);
      expect(
        kept.map(({ outcome }) => outcome),
        one.name,
      ).not.toContain('expired');
    }),
  },
  {
    name: 'no resurrection: what is forgotten is expired, and does not happen again',
    needs: ['forgotten', 'asked after it was forgotten'],
    check: ofEach((one) => {
      const { name, forgotten } = one;
      if (forgotten === undefined) return;
      for (const { outcome, isForgotten } of allHeard(one)) {
        if (isForgotten) expect(outcome, name).toBe('expired');
      }
      expect(JSON.stringify(one.rows), `rows of ${name}`).toBe(forgotten);
    }),
  },
  {
    name: 'no lost heuristic: who asks hears of a branch that did not follow, for ever',
    needs: ['fault: by hand', 'restarted'],
    check: ofEach((one) => {
      if (!isByHand(one) || one.answer === undefined) return;
      const decided = allHeard(one).filter(({ outcome }) => outcome === 'committed');
      if (!one.isFaulted) expect(one.answer, one.name).toBe('heuristic');
      for (const { heuristics } of decided) {
        expect(heuristics, one.name).toEqual(['stock-db rolled-back']);
      }
    }),
  },
  {
    name: 'at most once: no database has a row twice',
    needs: ['committed, fault: none', 'one phase', 'at home', 'cut', 'restarted'],
    check: ofEach(({ name, rows }) => {
      expect(Math.max(rows.orders, rows.stock), name).toBeLessThanOrEqual(1);
    }),
  },
  {
    name: 'stable ids: an effect that comes again has the id that it had',
    needs: ['an effect came again'],
    check: ofEach(({ name, effectIds }) => {
      expect(new Set(effectIds).size, `${name}: ${effectIds.join()}`).toBeLessThanOrEqual(1);
    }),
  },
];

/** Each is a test of its own. */
export const sessionRules: readonly Rule<SessionModel>[] = [...commitment, ...keeping];
