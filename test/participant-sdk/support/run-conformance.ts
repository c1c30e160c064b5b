import { test } from 'vitest';
import { conformanceCases, type ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import type { Resource } from '@unanimous/participant-sdk';

/**
 * Makes a test of each case of the kit. `shape` says which cases there are, when the tests are
 * collected; where its server starts later, `subject` gives the one to run them with.
 */
export function testConformance<R extends Resource>(
  shape: ConformanceSubject<R>,
  subject: () => ConformanceSubject<R> = () => shape,
): void {
  const names = conformanceCases(shape).map(({ name }) => name);
  test.each(names)(
    '%s',
    async (name) => {
      const found = conformanceCases(subject()).find((each) => each.name === name);
      if (!found) throw new Error(`the subject that runs lacks what its shape has: ${name}`);
      await found.run();
    },
    60_000,
  );
}
