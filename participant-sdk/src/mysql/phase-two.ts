import { type BranchId, reason, UnanimousError } from '@unanimous/proto';
import type { Finished } from '../resource.ts';
import { isError, unavailableError } from './error-number.ts';
import type { HeldBranches } from './held-branches.ts';
import { type DatabaseIdentity, incarnationOf, readIdentity } from './identity-row.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import { readReceipt } from './receipt-rows.ts';
import { settle, type Settled } from './settle.ts';
import { type RecoveredRow, readXid, xidOf } from './xid.ts';

/** Where prepared branches are finished. */
export interface PhaseTwo {
  readonly pool: PhaseTwoPool;
  readonly held: HeldBranches;
}

/**
 * Commits a prepared branch: on the connection that prepared it while that is here, on any other
 * once it has ended. Done is what the receipt row shows, whatever was answered; when the branch is
 * not there any more the row decides as well: somebody has committed it, or rolled it back.
 * @throws UnanimousError when it must be asked again.
 */
export async function commitPrepared(
  phaseTwo: PhaseTwo,
  branch: BranchId,
  receipt: string,
): Promise<Finished> {
  if (await finishHeld(phaseTwo, branch, 'COMMIT')) return { result: 'committed' };
  const wasThere = await finish(phaseTwo.pool, branch, 'COMMIT');
  const settled = await settleFinished(phaseTwo.pool, branch, receipt);
  if (settled.result !== 'rolled-back') return settled;
  const who = wasThere ? 'the server' : 'somebody';
  const message = `${branch.rm}: ${who} rolled back the prepared branch`;
  return { result: 'rolled-back', reason: reason('heuristic', message, branch.rm) };
}

/**
 * What became of a branch that was to commit in one phase. With a binary log the server does so in two
 * steps of its own; killed in between, it comes back with the branch prepared, and nobody else would
 * ever end it. It was permitted to commit, so it is committed.
 * @throws UnanimousError when it must be asked again.
 */
export async function settleOnePhase(
  phaseTwo: PhaseTwo,
  branch: BranchId,
  receipt: string,
): Promise<Settled> {
  const settled = await settle(phaseTwo.pool, branch, receipt);
  if (settled.result !== 'in-progress') return settled;
  const listed = await askList(phaseTwo.pool, branch.rm);
  const isPrepared = listed.some((other) => xidOf(other) === xidOf(branch));
  return isPrepared ? commitPrepared(phaseTwo, branch, receipt) : settled;
}

/** Rolls back a prepared branch; as `commitPrepared`. Without branch and receipt it is nothing. */
export async function abortPrepared(
  phaseTwo: PhaseTwo,
  branch: BranchId,
  receipt: string,
): Promise<Finished> {
  if (await finishHeld(phaseTwo, branch, 'ROLLBACK')) return { result: 'rolled-back' };
  if (await finish(phaseTwo.pool, branch, 'ROLLBACK')) return { result: 'rolled-back' };
  if (receipt === '') return { result: 'rolled-back' };
  return settleFinished(phaseTwo.pool, branch, receipt);
}

/**
 * The prepared branches of a resource manager in this database, by whichever process.
 * @throws UnanimousError when the database is not any more what `opened` was: restored from a backup
 * it may hold branches that were committed and forgotten, and must be opened anew first.
 */
export async function scanPrepared(
  pool: PhaseTwoPool,
  rm: string,
  opened: DatabaseIdentity | undefined,
): Promise<BranchId[]> {
  const identity = await readIdentity(pool, rm);
  const [was, is] = [opened && incarnationOf(opened), incarnationOf(identity)];
  if (was !== undefined && was !== is) {
    const hint = 'The database was restored; it is opened again.';
    throw new UnanimousError('rm-unavailable', `${rm}: was ${was}, is ${is}`, { rm, hint });
  }
  const listed = await recover(pool, rm);
  // Other databases of the server, and other users of XA, have theirs in the same list.
  return listed.filter((id) => id.incarnation.startsWith(`${identity.id}-`));
}

/** The branches of this name that the server lists as prepared, of whichever database. */
async function recover(pool: PhaseTwoPool, rm: string): Promise<BranchId[]> {
  const { rows } = await pool.run('XA RECOVER');
  return (rows as unknown as RecoveredRow[])
    .map((row) => readXid(row, rm))
    .filter((id) => id !== undefined);
}

/** True when done on the connection that prepared; false when that is not here, or fails. */
async function finishHeld({ held }: PhaseTwo, id: BranchId, verb: 'COMMIT' | 'ROLLBACK') {
  const connection = held.take(id);
  if (!connection) return false;
  try {
    await connection.query(`XA ${verb} ${xidOf(id)}`);
    if (verb === 'COMMIT') {
      const state = await readReceipt((sql, values) => connection.query(sql, values), id);
      if (state !== 'present') throw new Error(`the receipt is ${state}`);
    }
    connection.free();
    return true;
  } catch {
    // Not known what it did: the others will find out, once this session is over.
    await connection.quit();
    return false;
  }
}

/** Sends XA COMMIT or ROLLBACK: true when answered, false when there is no such branch. */
async function finish(pool: PhaseTwoPool, id: BranchId, verb: 'COMMIT' | 'ROLLBACK') {
  const { rm } = id;
  try {
    await pool.run(`XA ${verb} ${xidOf(id)}`);
    return true;
  } catch (error) {
    // Rolled back by the server, which keeps the id until it is told so too.
    if (isError(error, 'xaRolledBack', 'xaDeadlock', 'xaTimedOut')) {
      if (verb === 'COMMIT') await finish(pool, id, 'ROLLBACK');
      return true;
    }
    if (!isError(error, 'unknownXid')) throw unavailableError(error, rm);
  }
  // So it is answered as well while the session that prepared it is still there.
  const listed = await askList(pool, rm);
  const isListed = listed.some((other) => xidOf(other) === xidOf(id));
  if (!isListed) return false;
  const message = `${rm}: the branch is prepared, but its session has not ended`;
  throw new UnanimousError('rm-unavailable', message, { rm });
}

async function askList(pool: PhaseTwoPool, rm: string): Promise<BranchId[]> {
  try {
    return await recover(pool, rm);
  } catch (error) {
    throw unavailableError(error, rm);
  }
}

async function settleFinished(pool: PhaseTwoPool, branch: BranchId, receipt: string) {
  const settled = await settle(pool, branch, receipt);
  if (settled.result !== 'in-progress') return settled;
  // The server has said OK perhaps, and yet something holds the row.
  const message = `${branch.rm}: the branch is neither listed as prepared nor over`;
  throw new UnanimousError('rm-unavailable', message, { rm: branch.rm });
}
