// Writes to two resources in each transaction, one in eight to the first alone, and notes down what it
// begins and what it is told. Killed at any time; started again it goes on.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { currentTransaction, TransactionClient, UnanimousError } from '@unanimous/participant-sdk';
import type { ResourceCase } from '../support/resource-case.ts';
import { isAlone, readWriterSettings, type WrittenTo } from '../support/writer-settings.ts';

const { coordinator, target, beside, notesFile, transactions, writers } = readWriterSettings();
const note = (line: string) => appendFileSync(notesFile, `${line}\n`);
const notes = existsSync(notesFile) ? readFileSync(notesFile, 'utf8').split('\n') : [];
let next = 1 + notes.filter((line) => line.startsWith('start ')).length;

const pace = { connectTimeoutMs: 2_000, scanIntervalMs: 400, waitAppliedMs: 500 };
const tm = new TransactionClient({ address: coordinator, service: 'writer', ...pace });
const ours = await serve('target', target);
const theirs = await serve('beside', beside);
console.log('ready');
await Promise.all(Array.from({ length: writers }, write));
note('done');
setInterval(() => {}, 60_000); // what is in doubt is still to be finished

async function serve(rm: string, { module, settings }: WrittenTo) {
  const { resourceCase } = (await import(module)) as { resourceCase: ResourceCase };
  const put = await resourceCase.serve(tm, rm, settings);
  return async (n: number, gid: string) => {
    for (let part = 0; part < resourceCase.promised.parts; part++) await put({ n, part, gid });
  };
}

async function write(): Promise<void> {
  let pauseMs = 0;
  while (next <= transactions) {
    const n = next++;
    note(`start ${n}`);
    try {
      await tm.transaction(() => enter(n), { timeoutMs: 3_000 });
      note(`committed ${n}`);
      pauseMs = 0;
    } catch (error) {
      const isUnknown = error instanceof UnanimousError && error.code === 'unknown';
      note(`${isUnknown ? 'unknown' : 'aborted'} ${n}`);
      if (!isOnPurpose(n)) pauseMs = Math.min(3_000, 700 + 2 * pauseMs);
      await delay(pauseMs); // nobody may be there to write to
    }
  }
}

async function enter(n: number): Promise<void> {
  const gid = currentTransaction()?.gid ?? '';
  note(`gid ${n} ${gid}`);
  await ours(n, gid);
  if (isAlone(n)) return;
  await theirs(n, gid);
  if (isOnPurpose(n)) throw new Error('changed its mind');
}

function isOnPurpose(n: number): boolean {
  return n % 11 === 0 && !isAlone(n);
}
