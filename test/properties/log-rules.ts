import { type Birth, compareBirths } from '@unanimous/proto';
import { expect } from 'vitest';
import { type LogFact, type LogHistory, readKey } from './log-history.ts';
import { expectFinished, type Rule } from './rule.ts';

type Seen = Extract<LogFact, { is: 'seen' }>;

const nothing: Birth = { epoch: 0, counter: 0 };

/** What anybody could know before a look. */
class Known {
  readonly answered = new Set<string>();
  /** Asked for, and never answered. */
  readonly open = new Set<string>();
  /** All that was ever asked for. */
  readonly asked = new Set<string>();
  /** The appends, as they were put together. */
  readonly groups: (readonly string[])[] = [];
  through = nothing;

  note(fact: LogFact): void {
    if (fact.is === 'forgot' && compareBirths(fact.through, this.through) > 0) {
      this.through = fact.through;
    }
    if (fact.is === 'answered') {
      this.answered.add(fact.key);
      this.open.delete(fact.key);
    }
    if (fact.is !== 'asked') return;
    this.groups.push(fact.keys);
    for (const key of fact.keys) {
      this.asked.add(key);
      if (!this.answered.has(key)) this.open.add(key);
    }
  }

  /** What is found is durable, whoever was told. */
  noteFound({ records }: Seen): void {
    for (const { key } of records) if (this.open.delete(key)) this.answered.add(key);
  }

  /** Its transaction has ended and lies below the mark. */
  isForgotten(key: string): boolean {
    const { kind, birth } = readKey(key);
    if (compareBirths(birth, this.through) > 0) return false;
    return this.answered.has(key.replace(kind, 'ended'));
  }
}

/** Calls for each look, with what was known before it. */
function atEachLook({ facts }: LogHistory, check: (seen: Seen, known: Known) => void): void {
  const known = new Known();
  for (const fact of facts) {
    if (fact.is !== 'seen') known.note(fact);
    else {
      check(fact, known);
      known.noteFound(fact);
    }
  }
}

const keysOf = ({ records }: Seen) => new Set(records.map(({ key }) => key));

/** Keys of records that were acknowledged, are not forgotten, and are missing. */
function missing(history: LogHistory, isMeant: (kind: string) => boolean): string[] {
  const missed = new Set<string>();
  atEachLook(history, (seen, known) => {
    const found = keysOf(seen);
    for (const key of known.answered) {
      const isHeld = found.has(key) || known.isForgotten(key) || !isMeant(readKey(key).kind);
      if (!isHeld) missed.add(key);
    }
  });
  return [...missed];
}

/** AC1 to AC5. */
const commitment: readonly Rule<LogHistory>[] = [
  {
    name: 'AC1, agreement: the log holds every position that anybody was told of, and no other',
    needs: ['held from an earlier epoch', 'a lost position is not held'],
    check: ({ facts }) => {
      const held = facts.filter((fact) => fact.is === 'held');
      expect(held.filter(({ holds, wasTold }) => holds !== wasTold)).toEqual([]);
    },
  },
  {
    name: 'AC2, irrevocable: a record says the same for ever, and what was absent stays so',
    needs: ['compacted', 'crashed', 'a lazy record was lost', 'failed and did not land'],
    check: (history) => {
      const bodies = new Map<string, string>();
      const gone = new Set<string>();
      const known = new Known();
      for (const fact of history.facts) {
        known.note(fact);
        if (fact.is === 'lost') gone.add(fact.key);
        // What never became durable may be asked for again.
        if (fact.is === 'asked') for (const key of fact.keys) gone.delete(key);
        if (fact.is !== 'seen') continue;
        for (const { key, body } of fact.records) {
          expect(gone.has(key), `${key} must not come back`).toBe(false);
          expect(body, `${key} says what it said`).toBe(bodies.get(key) ?? body);
          bodies.set(key, body);
        }
        known.noteFound(fact);
        for (const key of known.open) gone.add(key);
      }
    },
  },
  {
    name: 'AC3, only what was asked for, and all of an append or none of it',
    needs: ['decided', 'failed and landed', 'failed and did not land'],
    check: (history) => {
      atEachLook(history, (seen, known) => {
        const found = keysOf(seen);
        const unasked = [...found].filter((key) => !known.asked.has(key));
        expect(unasked, 'nobody asked for it').toEqual([]);
        for (const keys of known.groups) {
          // Of heuristics and ends others speak.
          const whole = keys.filter((key) => key.startsWith('commit-decided'));
          if (whole.some((key) => known.answered.has(key))) continue;
          const landed = whole.filter((key) => found.has(key));
          expect(landed, 'all or none').toEqual(landed.length > 0 ? whole : []);
        }
      });
    },
  },
  {
    name: 'AC4, with no failure an append is taken, and stands where the answer says',
    needs: ['decided', 'decided together', 'ended'],
    check: ({ facts }) => {
      let answers: { readonly key: string; readonly seq: number | undefined }[] = [];
      for (const fact of facts) {
        if (fact.is === 'refused') expect(fact.isPlanned, fact.why).toBe(true);
        if (fact.is === 'answered') answers.push(fact);
        if (fact.is !== 'seen') continue;
        const places = new Map(fact.records.map(({ key, seq }) => [key, seq]));
        for (const { key, seq } of answers) {
          const found = places.get(key);
          if (found !== undefined && seq !== undefined) expect(found, key).toBe(seq);
        }
        answers = [];
      }
    },
  },
  {
    name: 'AC5, termination: who waits is answered, and a later epoch goes on',
    needs: ['reopened', 'crashed', 'failed and landed', 'an incarnation failed to begin'],
    check: (history) => {
      expectFinished(history);
      const { facts } = history;
      expect(facts.filter(({ is }) => is === 'unanswered')).toEqual([]);
      const epochs = facts.flatMap((fact) => (fact.is === 'began' ? [fact.epoch] : []));
      expect(epochs, 'epochs grow').toEqual([...new Set(epochs)].toSorted((a, b) => a - b));
    },
  },
];

/** What a log owes beyond. */
const keeping: readonly Rule<LogHistory>[] = [
  {
    name: 'durability: what was acknowledged is there until it is forgotten',
    needs: ['decided', 'compacted', 'reopened', 'crashed', 'failed and landed'],
    check: (history) => {
      expect(missing(history, (kind) => kind !== 'heuristic')).toEqual([]);
    },
  },
  {
    name: 'no resurrection: what is forgotten stays away, behind the highest mark',
    needs: ['forgotten', 'compacted'],
    check: (history) => {
      const dropped = new Set<string>();
      atEachLook(history, (seen, known) => {
        const found = keysOf(seen);
        const highest = seen.marks.toSorted(compareBirths).at(-1) ?? nothing;
        expect(highest, 'the highest mark').toEqual(known.through);
        for (const key of found) {
          expect(dropped.has(key), `${key} must not come back`).toBe(false);
          if (seen.isCompact) expect(known.isForgotten(key), `${key} goes`).toBe(false);
        }
        for (const key of known.answered) {
          if (found.has(key) || !known.isForgotten(key)) continue;
          dropped.add(key);
          // Alone, the decision would be carried out again.
          const decided = key.replace(/^ended/, 'commit-decided');
          if (decided !== key) expect(found.has(decided), `${key} went first`).toBe(false);
        }
      });
    },
  },
  {
    name: 'no lost heuristic: a branch that did not follow stays in the log',
    needs: ['reported', 'compacted', 'reopened'],
    check: (history) => {
      expect(missing(history, (kind) => kind === 'heuristic')).toEqual([]);
    },
  },
  {
    name: 'at most once: each record stands in one place, which is its own',
    needs: ['ended lazily', 'compacted', 'failed and landed'],
    check: (history) => {
      atEachLook(history, ({ records }) => {
        const keys = records.map(({ key }) => key);
        expect(keys, 'each once').toEqual([...new Set(keys)]);
        expect(new Set(records.map(({ seq }) => seq)).size, 'places').toBe(records.length);
      });
    },
  },
  {
    name: "stable ids: a record's place, of which effects have their ids, is the same for ever",
    needs: ['decided', 'compacted', 'reopened', 'crashed'],
    check: (history) => {
      const places = new Map<string, number>();
      atEachLook(history, ({ records }) => {
        const seqs = records.map(({ seq }) => seq);
        expect(seqs, 'in the order of their places').toEqual(seqs.toSorted((a, b) => a - b));
        // Of one that stands there twice the first: see "at most once".
        for (const [key, seq] of new Map(records.toReversed().map((r) => [r.key, r.seq]))) {
          expect(seq, `${key} keeps its place`).toBe(places.get(key) ?? seq);
          places.set(key, seq);
        }
      });
    },
  },
];

/** Each is a test of its own. */
export const logRules: readonly Rule<LogHistory>[] = [...commitment, ...keeping];
