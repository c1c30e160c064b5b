// Writes each entry to a MariaDB and a Postgres in one transaction, one in eight to MariaDB alone, and
// notes down what it begins and what it is told. Killed at any time; started again it goes on.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { currentTransaction, TransactionClient, UnanimousError } from '@unanimous/participant-sdk';
import { mysql } from '@unanimous/participant-sdk/mysql';
import { postgres } from '@unanimous/participant-sdk/postgres';
import mysql2 from 'mysql2';
import pg from 'pg';
import { readLedgerSettings } from '../support/ledger-settings.ts';

const { coordinator, mariadb, postgresUrl, notesFile, entries, writers } = readLedgerSettings();
const note = (line: string) => appendFileSync(notesFile, `${line}\n`);
const notes = existsSync(notesFile) ? readFileSync(notesFile, 'utf8').split('\n') : [];
let next = 1 + notes.filter((line) => line.startsWith('start ')).length;

const pace = { connectTimeoutMs: 2_000, scanIntervalMs: 400, waitAppliedMs: 500 };
const tm = new TransactionClient({ address: coordinator, service: 'ledger', ...pace });
// What it gives back to the pool is reset: a prepared connection must never be among it.
const pooled = { ...mariadb, connectionLimit: 12, resetOnRelease: true };
const ours = await tm.serve(mysql({ rm: 'ledger', mysql2, ...pooled }));
const theirs = await tm.serve(
  postgres({ rm: 'mirror', pg, connectionString: postgresUrl, max: 12 }),
);
console.log('ready');
await Promise.all(Array.from({ length: writers }, write));
setInterval(() => {}, 60_000); // what is in doubt is still to be finished

async function write(): Promise<void> {
  while (next <= entries) {
    const id = next++;
    note(`start ${id}`);
    try {
      await tm.transaction(() => enter(id), { timeoutMs: 3_000 });
      note(`committed ${id}`);
    } catch (error) {
      const isKnown = error instanceof UnanimousError && error.code !== 'unknown';
      note(`${isKnown || !(error instanceof UnanimousError) ? 'aborted' : 'unknown'} ${id}`);
      await delay(400); // nobody may be there to write to
    }
  }
}

async function enter(id: number): Promise<void> {
  const gid = currentTransaction()?.gid ?? '';
  note(`gid ${id} ${gid}`);
  await ours.pool.promise().query('INSERT INTO entries VALUES (?, ?)', [id, gid]);
  if (id % 8 === 0) return; // alone, in one phase
  await theirs.pool.query('INSERT INTO entries VALUES ($1, $2)', [id, gid]);
  if (id % 11 === 0) throw new Error('changed its mind');
}
