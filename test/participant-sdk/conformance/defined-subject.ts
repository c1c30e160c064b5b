import { type DefinedResource, defineResource } from '@unanimous/participant-sdk';
import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import Database from 'better-sqlite3';
import { sourceArgv } from '../support/source-argv.ts';

/** An effect of both targets; without a text it deletes. */
interface Put {
  readonly key: string;
  readonly text?: string;
}

/** Which of two targets, and the file where it is kept. */
export interface DefinedTarget {
  readonly file: string;
  readonly kind: 'appends' | 'overwrites';
}

/** A plain `defineResource` on a table that appends, or on one that overwrites. */
export function conformanceSubject(
  target: DefinedTarget,
): ConformanceSubject<DefinedResource<Put>> {
  const { file, kind } = target;
  const database = new Database(file);
  const { schema, write, read } = tables[kind];
  database.pragma('journal_mode = wal');
  database.exec(schema);
  const writing = database.prepare(write);
  const reading = database.prepare(read).pluck();
  return {
    kind: 'logged',
    make: (rm) =>
      defineResource<Put>({
        rm,
        identity: file,
        takesWork: true,
        check: ({ key }) => (key === '' ? { refused: 'a row needs a key' } : undefined),
        apply({ key, text = null }, { id, epoch, seq, index }) {
          writing.run({ id, key, text, epoch, seq, index });
        },
      }),
    write: (resource, key, text) => resource.write({ key, text }),
    read: async (key) => (reading.all(key) as (string | null)[]).filter((text) => text !== null),
    fail: (resource) => resource.write({ key: '', text: 'no key' }),
    work: (key, text) => Buffer.from(JSON.stringify({ key, text })),
    ordered: kind === 'overwrites',
    ...(kind === 'overwrites' && { remove: (resource, key) => resource.write({ key }) }),
    child: { module: import.meta.url, input: target, execArgv: sourceArgv },
    close: async () => database.close(),
  };
}

const tables = {
  appends: {
    schema: `create table if not exists lines (id text primary key, key text, text text, place text)`,
    write: `insert into lines values (@id, @key, @text, @epoch || '/' || @seq || '/' || @index)
      on conflict do nothing`,
    read: `select text from lines where key = ? order by rowid`,
  },
  overwrites: {
    schema: `create table if not exists cells (key text primary key, text text, id text,
      epoch integer, seq integer, place integer)`,
    write: `insert into cells values (@key, @text, @id, @epoch, @seq, @index)
      on conflict (key) do update set text = excluded.text, id = excluded.id,
        epoch = excluded.epoch, seq = excluded.seq, place = excluded.place
      where (excluded.epoch, excluded.seq, excluded.place) > (cells.epoch, cells.seq, cells.place)`,
    read: `select text from cells where key = ?`,
  },
} as const;
