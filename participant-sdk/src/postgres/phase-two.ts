import {
  type BranchId,
  branchIdPrefix,
  parseBranchId,
  reason,
  UnanimousError,
} from '@unanimous/proto';
import type { Finished } from '../resource.ts';
import type { PhaseTwoAnswer, PhaseTwoPool } from './phase-two-pool.ts';
import {
  incarnationOf,
  ofThisDatabase,
  type ServerState,
  type ServerStateRow,
  serverStateColumns,
} from './server-state.ts';
import { primaryState, settle } from './settle.ts';
import { sqlState, unavailableError } from './sqlstate.ts';
import type { WorkConnection } from './work-connection.ts';

/** SQLSTATE: there is no prepared transaction of this name. */
const noSuchBranch = '42704';

/** SQLSTATE: there is, but in another database. */
const ofAnotherDatabase = '0A000';

/** Where a branch is ended: on the connection that prepared it, if that was kept, or in the pool. */
export interface Ending {
  readonly pool: PhaseTwoPool;
  readonly on: WorkConnection | undefined;
  /** Text of the branch id. */
  readonly name: string;
}

/**
 * Commits a prepared branch. When it is not there any more its receipt decides: somebody has
 * committed it, this call's forerunner or a human, or somebody has rolled it back.
 * @throws UnanimousError when it must be asked again.
 */
export function commitPrepared(
  ending: Ending,
  branch: BranchId,
  receipt: string,
): Promise<Finished> {
  return finish(ending, branch, 'COMMIT').then((isDone) =>
    isDone ? committed : settleCommit(ending.pool, branch, receipt),
  );
}

const committed: Finished = { result: 'committed' };

async function settleCommit(
  pool: PhaseTwoPool,
  branch: BranchId,
  receipt: string,
): Promise<Finished> {
  const settled = await settleFinished(pool, branch, receipt);
  if (settled.result !== 'rolled-back') return settled;
  const message = `${branch.rm}: somebody rolled back the prepared branch by hand`;
  return { result: 'rolled-back', reason: reason('heuristic', message, branch.rm) };
}

/** Rolls back a prepared branch; as `commitPrepared`. Without branch and receipt it is nothing. */
export async function abortPrepared(
  ending: Ending,
  branch: BranchId,
  receipt: string,
): Promise<Finished> {
  if (await finish(ending, branch, 'ROLLBACK')) return { result: 'rolled-back' };
  return receipt === '' ? { result: 'rolled-back' } : settleFinished(ending.pool, branch, receipt);
}

interface ScanRow extends ServerStateRow {
  readonly gids: string;
}

/**
 * The prepared branches of a resource manager in this database, by whichever process.
 * @throws UnanimousError when the server is not any more what `opened` was: restored from a backup
 * it may hold branches that were committed and forgotten, and must be opened anew first.
 */
export async function scanPrepared(
  pool: PhaseTwoPool,
  rm: string,
  opened: ServerState | undefined,
): Promise<BranchId[]> {
  // Other databases of the cluster, and other users of PREPARE, have theirs in the same list.
  const { rows } = await pool.run(`SELECT ${serverStateColumns}, (
      SELECT coalesce(pg_catalog.json_agg(gid), '[]')::text FROM pg_catalog.pg_prepared_xacts p
      WHERE p.database = d.datname
        AND pg_catalog.left(gid, ${branchIdPrefix.length}) = '${branchIdPrefix}'
    ) AS "gids" ${ofThisDatabase}`);
  const row = rows[0] as unknown as ScanRow;
  const [was, is] = [opened, primaryState(row, rm)].map((each) => each && incarnationOf(each));
  if (was !== undefined && was !== is) {
    const hint = 'The server failed over or was restored; it is opened again.';
    throw new UnanimousError('rm-unavailable', `${rm}: was ${was}, is ${is}`, { rm, hint });
  }
  return (JSON.parse(row.gids) as string[])
    .map(parseBranchId)
    .filter((branch) => branch !== undefined)
    .filter((branch) => branch.rm === rm);
}

/** Sends COMMIT or ROLLBACK PREPARED: true when done, false when there is no such branch. */
function finish(
  { pool, on, name }: Ending,
  branch: BranchId,
  verb: 'COMMIT' | 'ROLLBACK',
): Promise<boolean> {
  const sql = `${verb} PREPARED '${name}'`;
  const sent = on ? pool.runOn(on, sql) : pool.run(sql);
  return sent.then(
    (answer) => readEnd(answer, branch, verb),
    (error: unknown) => readFailure(error, branch),
  );
}

function readEnd(
  { command, warnings }: PhaseTwoAnswer,
  { rm }: BranchId,
  verb: 'COMMIT' | 'ROLLBACK',
): true {
  const again = (why: string) => new UnanimousError('rm-unavailable', `${rm}: ${why}`, { rm });
  if (command !== verb) throw again(`${verb} PREPARED was answered by ${command}`);
  // A standby that had to confirm it may not have: not durable where it shall be.
  if (verb === 'COMMIT' && warnings.length > 0) throw again(warnings.join('; '));
  return true;
}

function readFailure(error: unknown, { rm }: BranchId): false {
  if (sqlState(error) === noSuchBranch) return false;
  if (sqlState(error) === ofAnotherDatabase) {
    const message = `${rm}: the branch was prepared in another database of this cluster`;
    throw new UnanimousError('rm-identity-mismatch', message, { rm, cause: error });
  }
  throw unavailableError(error, rm);
}

async function settleFinished(pool: PhaseTwoPool, branch: BranchId, receipt: string) {
  const settled = await settle(pool, branch.rm, receipt);
  if (settled.result !== 'in-progress') return settled;
  const message = `${branch.rm}: the transaction of the branch is in progress but not prepared`;
  throw new UnanimousError('rm-unavailable', message, { rm: branch.rm });
}
