import { conformanceCases, type ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import type { Sqlite } from '@unanimous/participant-sdk/sqlite';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, test } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';
import { conformanceSubject, textsTable } from '../sqlite/conformance-subject.ts';

const dir = tempDir();
afterAll(() => dir.remove());

/** A file with one defect. */
function broken(
  name: string,
  defect: (resource: Sqlite) => Partial<Sqlite>,
): ConformanceSubject<Sqlite> {
  const file = dir.file(name);
  new Database(file).exec(textsTable).close();
  const { child: _child, ...subject } = conformanceSubject(file);
  return {
    ...subject,
    async make(rm) {
      const resource = await subject.make(rm);
      return Object.assign(resource, defect(resource));
    },
  };
}

async function wordsOf(subject: ConformanceSubject<Sqlite>, beginning: string): Promise<string> {
  const found = conformanceCases(subject).find(({ name }) => name.startsWith(beginning));
  return (await found?.run().catch((error: unknown) => String(error))) ?? 'nothing';
}

describe('of a target with one writer the kit notices', () => {
  test('a second branch that does not wait for the first', async () => {
    const subject = broken('two.db', () => ({}));
    const write: typeof subject.write = async (resource, key, text) => {
      return text === 'second' ? undefined : subject.write(resource, key, text);
    };
    expect(await wordsOf({ ...subject, write }, 'one writer: who comes second')).toContain(
      'wrote while another one was in doubt',
    );
  });

  test('a close that ends what is prepared', async () => {
    const subject = broken('close.db', (resource) => {
      const close = resource.close.bind(resource);
      return {
        async close() {
          for (const id of await resource.scan().catch(() => [])) await resource.abort(id, '');
          await close();
        },
      };
    });
    expect(await wordsOf(subject, 'one writer: a prepared branch outlives')).toContain(
      'let commit() be idempotent',
    );
  });

  test('a scan that finds nothing under one name', async () => {
    const subject = broken('scan.db', (resource) => {
      const scan = resource.scan.bind(resource);
      return { scan: async () => (resource.rm === 'conformance' ? [] : scan()) };
    });
    expect(await wordsOf(subject, 'one writer: a scan finds')).toContain('misses');
  });
});
