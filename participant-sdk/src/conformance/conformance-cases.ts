import type { Resource } from '../resource.ts';
import { applyCases } from './apply-cases.ts';
import { closeCases } from './close-cases.ts';
import { concurrencyCases } from './concurrency-cases.ts';
import {
  type CaseDefinition,
  caseOf,
  type ConformanceCase,
  type Need,
} from './conformance-case.ts';
import { crashCases } from './crash-cases.ts';
import { endCases } from './end-cases.ts';
import { hostileCases } from './hostile-cases.ts';
import { oneWriterCases } from './one-writer-cases.ts';
import { positionCases } from './position-cases.ts';
import { scanCases } from './scan-cases.ts';
import { serverCases } from './server-cases.ts';
import type { ConformanceSubject } from './subject.ts';
import { voteCases } from './vote-cases.ts';

const all: readonly CaseDefinition[] = [
  ...positionCases,
  ...voteCases,
  ...endCases,
  ...scanCases,
  ...applyCases,
  ...concurrencyCases,
  ...hostileCases,
  ...closeCases,
  ...crashCases,
  ...serverCases,
  ...oneWriterCases,
];

/**
 * What a resource must do to be atomic, as cases for any test runner:
 * `for (const { name, run } of conformanceCases(subject)) test(name, run);`
 * Run them one after another; each takes fresh keys and ids, so the target need not be emptied. A
 * case that the subject can't be tried with is not in the list: see `casesLeftOut`.
 */
export function conformanceCases<R extends Resource>(
  subject: ConformanceSubject<R>,
): readonly ConformanceCase[] {
  return all
    .filter((definition) => whyNot(definition, subject) === undefined)
    .map((definition) => caseOf(definition, subject));
}

/** A case that a subject is not tried with. */
export interface CaseLeftOut {
  readonly name: string;
  /** What the subject would have to offer, or why it does not apply. */
  readonly because: string;
}

/** The cases that `conformanceCases` leaves out, and why: what the kit has not shown. */
export function casesLeftOut<R extends Resource>(
  subject: ConformanceSubject<R>,
): readonly CaseLeftOut[] {
  return all.flatMap((definition) => {
    const because = whyNot(definition, subject);
    return because === undefined ? [] : [{ name: definition.name, because }];
  });
}

function whyNot<R extends Resource>(
  { kinds, needs = [], holdsMany }: CaseDefinition,
  subject: ConformanceSubject<R>,
): string | undefined {
  if (kinds !== 'both' && kinds !== subject.kind) return `it is for ${kinds} resources`;
  if (holdsMany && subject.oneAtATime) return 'the subject is `oneAtATime`: others stand in for it';
  const absent = needs.find((need) => !offers(subject as ConformanceSubject, need));
  return absent && `the subject has no \`${absent}\``;
}

function offers(subject: ConformanceSubject, need: Need): boolean {
  const [part, of] = need.split('.') as [keyof ConformanceSubject, string | undefined];
  const offered = subject[part] as Record<string, unknown> | undefined;
  return Boolean(of === undefined ? offered : offered?.[of]);
}
