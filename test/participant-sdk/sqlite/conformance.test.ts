import Database from 'better-sqlite3';
import { afterAll, describe } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';
import { testConformance } from '../support/run-conformance.ts';
import { conformanceSubject, textsTable } from './conformance-subject.ts';

const dir = tempDir();
afterAll(() => dir.remove());

describe('a file conforms', () => {
  new Database(dir.file('app.db')).exec(textsTable).close();
  testConformance(conformanceSubject(dir.file('app.db')));
});
