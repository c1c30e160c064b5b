import { afterAll, describe } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';
import { testConformance } from '../support/run-conformance.ts';
import { conformanceSubject } from './conformance-subject.ts';

const dir = tempDir();
afterAll(() => dir.remove());

describe('a service that reserves conforms', () => {
  const subject = conformanceSubject(dir.file('reservations.db'));
  afterAll(() => subject.close?.());
  testConformance(subject);
});
