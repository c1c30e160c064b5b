import type { BranchWork } from './branch-work.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import type { WorkConnection } from './work-connection.ts';

/** How long a statement may take to hear of its end. */
const graceMs = 3_000;

/** What to end. */
export interface RollBackWork {
  readonly work: BranchWork;
  readonly xid: string;
  /** Settles when the vote that is under way has ended. */
  readonly voting: Promise<unknown> | undefined;
  readonly phaseTwo: PhaseTwoPool;
}

/**
 * Ends a branch's work: kills what runs, rolls back, lets the connection go. Where that takes too
 * long the connection is closed, and the server rolls back by itself. Never throws.
 */
export async function rollBackWork({ work, xid, voting, phaseTwo }: RollBackWork): Promise<void> {
  work.abandon();
  const { connection } = work;
  if (!connection) return;
  const idle = Promise.all([work.whenIdle(), voting]);
  let isIdle = await within(0, idle);
  if (!isIdle) {
    // The order to end may come late and hit what runs on the connection next.
    connection.spoil();
    void kill(phaseTwo, connection, 'QUERY');
    isIdle = await within(graceMs, idle);
  }
  if (!isIdle) void kill(phaseTwo, connection, 'CONNECTION');
  else if (work.isOpen && !connection.isFree && !connection.lost) {
    if (!(await within(graceMs, rollBack(connection, xid)))) connection.spoil();
  }
  connection.free();
}

async function rollBack(connection: WorkConnection, xid: string): Promise<void> {
  try {
    // Refused where the vote or the server has ended it already.
    await connection.query(`XA END ${xid}`).catch(() => undefined);
    await connection.query(`XA ROLLBACK ${xid}`);
  } catch {
    connection.spoil();
  }
}

async function kill(
  phaseTwo: PhaseTwoPool,
  { threadId, lost }: WorkConnection,
  what: 'QUERY' | 'CONNECTION',
): Promise<void> {
  if (lost || threadId === 0) return;
  await phaseTwo.run(`KILL ${what} ${threadId}`).catch(() => undefined);
}

/** True when the promise settled well in time. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
