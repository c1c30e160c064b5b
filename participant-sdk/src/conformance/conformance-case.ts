import type { Resource } from '../resource.ts';
import { Bench } from './bench.ts';
import { ConformanceError, wordsOf } from './conformance-error.ts';
import type { ConformanceSubject } from './subject.ts';

/** One thing that a resource must do; give it to any test runner. */
export interface ConformanceCase {
  readonly name: string;
  /** @throws ConformanceError that says what is broken, and what to mend in the resource. */
  readonly run: () => Promise<void>;
}

/** A part of the subject that may be absent. */
export type Need = keyof ConformanceSubject | 'byHand.commit' | 'byHand.rollBack';

/** A case before it has its subject. */
export interface CaseDefinition {
  readonly name: string;
  readonly kinds: 'native' | 'logged' | 'both';
  /** What the subject must offer. */
  readonly needs?: readonly Need[];
  /** It has several branches open or in doubt at once. */
  readonly holdsMany?: true;
  readonly run: (bench: Bench) => Promise<void>;
}

/** Gives a case its subject. */
export function caseOf<R extends Resource>(
  { name, run }: CaseDefinition,
  subject: ConformanceSubject<R>,
): ConformanceCase {
  return {
    name,
    run: async () => {
      const bench = new Bench(subject);
      try {
        await run(bench);
      } catch (error) {
        await bench.sweep();
        if (error instanceof ConformanceError) throw error;
        const broken = `a call that must not fail threw: ${wordsOf(error)}`;
        const mend =
          'let it succeed here, or mend the subject where the stack points there: see the cause';
        throw new ConformanceError(broken, mend, error);
      } finally {
        await bench.close();
      }
    },
  };
}
