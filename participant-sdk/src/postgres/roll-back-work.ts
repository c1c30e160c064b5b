import type { BranchWork } from './branch-work.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import type { WorkConnection } from './work-connection.ts';

/** How long a statement may take to hear of its end. */
const graceMs = 3_000;

/** What to end. */
export interface RollBackWork {
  readonly work: BranchWork;
  /** Settles when the vote that is under way has ended. */
  readonly voting: Promise<unknown> | undefined;
  readonly phaseTwo: PhaseTwoPool;
}

/**
 * Ends a branch's work: cancels what runs, rolls back, lets the connection go. Where that takes too
 * long the connection is closed, and Postgres rolls back by itself. Never throws.
 */
export async function rollBackWork({ work, voting, phaseTwo }: RollBackWork): Promise<void> {
  work.abandon();
  const { connection } = work;
  if (!connection) return;
  const idle = Promise.all([work.whenIdle(), voting]);
  let isIdle = await within(0, idle);
  if (!isIdle) {
    // The cancellation may come late and hit what runs on the connection next.
    connection.spoil();
    const cancelled = signalBackend(phaseTwo, connection, 'pg_cancel_backend');
    // A cursor that waits for its reader hears nothing: only the loss of the connection ends it.
    if (connection.isStreaming) await within(graceMs, cancelled);
    else isIdle = await within(graceMs, idle);
  }
  if (!isIdle) void signalBackend(phaseTwo, connection, 'pg_terminate_backend');
  else if (work.isOpen && !connection.isFree) {
    const rolledBack = connection.query('ROLLBACK').catch(() => undefined);
    if (!(await within(graceMs, rolledBack))) connection.spoil();
  }
  connection.free();
}

/** Ends what the backend does. Behind a connection pooler its process id is not known: no match. */
async function signalBackend(
  phaseTwo: PhaseTwoPool,
  { pid, lost }: WorkConnection,
  signal: 'pg_cancel_backend' | 'pg_terminate_backend',
): Promise<void> {
  if (lost) return;
  const sql = `SELECT pg_catalog.${signal}(pid) FROM pg_catalog.pg_stat_activity
    WHERE pid = $1 AND datname = pg_catalog.current_database() AND usename = session_user
      AND state = 'active'`;
  await phaseTwo.run(sql, [pid]).catch(() => undefined);
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
