import { SqliteDecisionLog } from '../../../../coordinator/src/log/sqlite/sqlite-decision-log.ts';
import { entriesOf } from '../decision-log-contract.ts';
import { commitDecided, ended, gidOf } from '../log-records.ts';

// A process of its own for tests that kill it or starve it. Arguments: what to do, and the folder.
// Prints one line for each thing that happened; a pipe takes it at once, before any SIGKILL.

const inFlight = 64;

/** Decides from many sides at once, ends every second transaction, compacts all the time. */
async function append(log: SqliteDecisionLog): Promise<never> {
  const { logId, epoch } = await log.becomeActive({ name: 'child', address: '' });
  print(`active ${epoch}`);
  let counter = 0;
  const side = async (): Promise<never> => {
    for (;;) {
      counter += 1;
      const mine = counter;
      await log.append([commitDecided(gidOf(logId, epoch, mine))]);
      print(`acked ${epoch}-${mine}`);
      if (mine % 2 === 0) log.appendLazily([ended(gidOf(logId, epoch, mine))]);
    }
  };
  const compactor = async (): Promise<never> => {
    for (;;) {
      const through = { epoch, counter: Math.max(1, counter - 1_000) };
      await log.append([{ kind: 'forgotten', through }]);
      await log.compact();
    }
  };
  return Promise.race([compactor(), ...Array.from({ length: inFlight }, side)]);
}

async function list(log: SqliteDecisionLog): Promise<void> {
  for (const { record } of await entriesOf(log)) {
    if (record.kind === 'commit-decided') print(`found ${record.gid.slice(13)}`);
  }
  await log.close();
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const [what = '', dir = ''] = process.argv.slice(2);
const childLog = new SqliteDecisionLog({ dir });
try {
  await childLog.open();
  print('open');
  childLog.onFailure((error) => print(`failed ${error.message}`));
  await (what === 'append' ? append(childLog) : list(childLog));
} catch (error) {
  const { code, message } = error as { code: string; message: string };
  print(`error ${code} ${message}`);
  process.exit(1);
}
