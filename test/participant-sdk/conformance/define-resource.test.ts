import { afterAll, describe } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';
import { testConformance } from '../support/run-conformance.ts';
import { conformanceSubject, type DefinedTarget } from './defined-subject.ts';

const dir = tempDir();
afterAll(() => dir.remove());

describe.each(['appends', 'overwrites'] as const)('a defineResource that %s conforms', (kind) => {
  const target: DefinedTarget = { file: dir.file(`${kind}.db`), kind };
  const subject = conformanceSubject(target);
  afterAll(() => subject.close?.());
  const { child: _, ...inProcess } = subject;
  // What a kill leaves behind is tried with one of them, and with the audit log of the page.
  testConformance(kind === 'overwrites' ? subject : inProcess);
});
