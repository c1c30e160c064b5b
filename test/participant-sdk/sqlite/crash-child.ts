import { TransactionClient } from '@unanimous/participant-sdk';
import { sqlite } from '@unanimous/participant-sdk/sqlite';
import { sqliteQueue } from '@unanimous/participant-sdk/sqlite-queue';
import Database from 'better-sqlite3';

// A service that writes to a file and a queue, and kills itself in its second transaction.
// Usage: crash-child.ts COORDINATOR FILE QUEUE STATEMENT before|after

const [, , address = '', file = '', queue = '', statement = '', when = ''] = process.argv;
let isArmed = false;

class Crashing extends Database {
  override exec(text: string) {
    const isPoint = isArmed && text === statement;
    if (isPoint && when === 'before') process.kill(process.pid, 'SIGKILL');
    const result = super.exec(text);
    if (isPoint) process.kill(process.pid, 'SIGKILL');
    return result;
  }
}

const tm = new TransactionClient(address);
const app = await tm.serve(sqlite({ rm: 'app-db', file, Database: Crashing }));
const events = await tm.serve(sqliteQueue({ rm: 'events', file: queue, Database }));

for (const armed of [false, true]) {
  isArmed = armed;
  await tm.transaction(async () => {
    const { lastInsertRowid } = await app.run('insert into notes (text) values (?)', 'note');
    await events.publish('notes', Number(lastInsertRowid));
  });
  process.stdout.write('committed\n');
}
