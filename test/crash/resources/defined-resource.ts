import { defineResource } from '@unanimous/participant-sdk';
import Database from 'better-sqlite3';
import { type Effect, type Found, type ResourceCase, sharedKey } from '../support/resource-case.ts';
import { hasClient, querySqlite } from '../support/run-client.ts';

/** What the participant needs to know. */
export interface DefinedSettings {
  readonly file: string;
}

/** Each transaction adds a line to one table, and writes over a cell of another. */
export const resourceCase: ResourceCase<DefinedSettings> = {
  title: '`defineResource`, on SQLite',
  module: import.meta.url,
  reader: 'sqlite3',
  promised: { parts: 2, repeats: 'none', order: 'none', stays: 'last' },
  isPresent: () => hasClient('sqlite3'),

  async start(_, dir) {
    const file = dir.file('entries.db');
    const all = 'select n, part, gid, null as key from lines union all select * from cells';
    const read = () => querySqlite<Found & { readonly key: string | null }>(file, all);
    const found = async () =>
      read().map(({ key, ...row }) => (key === null ? row : { ...row, key }));
    return { settings: { file }, read: found };
  },

  async serve(tm, rm, settings) {
    const apply = writerTo(settings);
    const defined = await tm.serve(
      defineResource<Effect>({ rm, identity: settings.file, takesWork: true, apply }),
    );
    return (effect: Effect) => defined.write(effect);
  },
};

/** Where in the order of all decisions an effect stands. */
interface Place {
  readonly id: string;
  readonly epoch: bigint | number;
  readonly seq: bigint | number;
}

/** Writes an effect: a repeated line is known by its id, an older cell by its place. */
export function writerTo({ file }: DefinedSettings): (effect: Effect, place: Place) => void {
  const database = new Database(file);
  database.pragma('journal_mode = wal');
  database.pragma('synchronous = full');
  database.exec(`
    create table if not exists lines (id text primary key, n integer, part integer, gid text);
    create table if not exists cells (n integer, part integer, gid text, key text primary key);
    create table if not exists places (key text primary key, epoch integer, seq integer)`);
  const addLine = database.prepare(
    'insert into lines values (@id, @n, @part, @gid) on conflict do nothing',
  );
  const setCell = database.prepare('replace into cells values (@n, @part, @gid, @key)');
  const setPlace = database.prepare(`insert into places values (@key, @epoch, @seq)
    on conflict (key) do update set epoch = excluded.epoch, seq = excluded.seq
    where (excluded.epoch, excluded.seq) > (places.epoch, places.seq)`);
  return database.transaction((effect: Effect, { id, epoch, seq }: Place) => {
    if (effect.part === 0) return void addLine.run({ id, ...effect });
    const key = sharedKey(effect.n);
    if (setPlace.run({ key, epoch, seq }).changes > 0) setCell.run({ key, ...effect });
  });
}
