import { SqliteDecisionLog } from '../../../../coordinator/src/log/sqlite/sqlite-decision-log.ts';
import { entriesOf } from '../decision-log-contract.ts';
import { commitDecided, ended, gidOf } from '../log-records.ts';

// A process of its own for tests that kill it or starve it. Arguments: what to do, and the folder.
// Prints one line for each thing that happened; a pipe takes it at once, before any SIGKILL.

const inFlight = 64;

/** Decides from many sides at once. Ends every second transaction and compacts, unless it fills. */
async function append(log: SqliteDecisionLog, fill: boolean): Promise<never> {
  const { logId, epoch } = await log.becomeActive({ name: 'child', address: '' });
  print(`active ${epoch}`);
  let counter = 0;
  const side = async (): Promise<never> => {
    for (;;) {
      counter += 1;
      const mine = counter;
      await log.append([commitDecided(gidOf(logId, epoch, mine))]);
      print(`acked ${epoch}-${mine}`);
      if (!fill && mine % 2 === 0) log.appendLazily([ended(gidOf(logId, epoch, mine))]);
    }
  };
  const compactor = async (): Promise<never> => {
    for (;;) {
      const through = { epoch, counter: Math.max(1, counter - 1_000) };
      await log.append([{ kind: 'forgotten', through }]);
      await log.compact();
    }
  };
  const sides = Array.from({ length: inFlight }, side);
  return Promise.race(fill ? sides : [...sides, compactor()]);
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
  await (what === 'list' ? list(childLog) : append(childLog, what === 'fill'));
} catch (error) {
  const { code, message } = error as { code: string; message: string };
  print(`error ${code} ${message}`);
  process.exit(1);
}
