import {
  type BranchId,
  branchIdPrefix,
  formatBranchId,
  parseBranchId,
  parseGid,
  reason,
  UnanimousError,
} from '@unanimous/proto';
import type { Decided, Finished } from '../resource.ts';
import type { Sql } from './sqlite-database.ts';

/** A message that waits for its transaction. Body and headers are JSON texts. */
export interface StagedMessage {
  readonly topic: string;
  readonly body: string;
  readonly headers: string;
  readonly delayMs: number;
}

type BranchState = 'prepared' | 'committed' | 'rolled-back';

const rememberAborted = `insert into unanimous_branches
  (branch, state, messages, log_id, changed_at_ms) values (?, 'rolled-back', 0, ?, ?)`;

/**
 * Writes a branch as prepared: its messages are on disk and nobody sees them.
 * @throws UnanimousError `not-live` when the branch was aborted or prepared before: a prepare that
 * was overtaken by its abort must leave nothing behind.
 */
export function prepareBranch(
  sql: Sql,
  id: BranchId,
  messages: readonly StagedMessage[],
  nowMs: number,
): void {
  const branch = formatBranchId(id);
  const state = branchRow(sql, branch)?.state;
  if (state) throw new UnanimousError('not-live', `${branch} is ${state} already`, { rm: id.rm });
  sql.run(
    `insert into unanimous_branches (branch, state, messages, log_id, changed_at_ms)
     values (?, 'prepared', ?, ?, ?)`,
    branch,
    messages.length,
    parseGid(id.gid).logId,
    nowMs,
  );
  messages.forEach(({ topic, body, headers, delayMs }, position) => {
    sql.run(
      `insert into unanimous_prepared (branch, position, topic, body, headers, delay_ms)
       values (?, ?, ?, ?, ?, ?)`,
      branch,
      position,
      topic,
      body,
      headers,
      delayMs,
    );
  });
}

/** Makes a prepared branch's messages visible, at the end of the queue, in their order. */
export function commitBranch(sql: Sql, id: BranchId, decided: Decided, nowMs: number): Finished {
  const branch = formatBranchId(id);
  const row = branchRow(sql, branch);
  if (row?.state !== 'prepared') return finished(row?.state, branch, id.rm);
  const moved = showMessages(sql, id, decided, nowMs);
  if (moved !== row.messages) {
    const message = `${branch}: ${moved} of its ${row.messages} prepared messages are in the file`;
    throw new UnanimousError('rm-unavailable', message, {
      rm: id.rm,
      hint: 'Rows were deleted by hand. Restore them, or delete the branch row to give it up.',
    });
  }
  sql.run(
    `update unanimous_branches set state = 'committed', decided_seq = ?, changed_at_ms = ?
     where branch = ?`,
    decided.seq,
    nowMs,
    branch,
  );
  return { result: 'committed' };
}

/** Moves the rows of a branch into the queue; how many. */
function showMessages(sql: Sql, id: BranchId, { epoch, seq }: Decided, nowMs: number): number {
  const branch = formatBranchId(id);
  sql.run(
    `insert into unanimous_topics (topic, published)
     select topic, count(*) from unanimous_prepared where branch = ? group by topic
     on conflict (topic) do update set published = published + excluded.published`,
    branch,
  );
  const moved = sql.run(
    `insert into unanimous_messages
       (id, topic, body, headers, epoch, seq, committed_at_ms, available_at_ms)
     select ? || '/' || position, topic, body, headers, ?, ?, ?,
       case when delay_ms > 0 then ? + delay_ms end
     from unanimous_prepared where branch = ? order by position`,
    `${id.gid}/${id.branch}`,
    epoch,
    seq,
    nowMs,
    nowMs,
    branch,
  );
  sql.run('delete from unanimous_prepared where branch = ?', branch);
  return moved;
}

/**
 * Deletes a prepared branch. One that is not there is remembered as rolled back, so that a prepare
 * that comes late is refused.
 */
export function abortBranch(sql: Sql, id: BranchId, nowMs: number): Finished {
  const branch = formatBranchId(id);
  const state = branchRow(sql, branch)?.state;
  if (state === 'committed') return finished(state, branch, id.rm);
  if (state === undefined) sql.run(rememberAborted, branch, parseGid(id.gid).logId, nowMs);
  sql.run('delete from unanimous_prepared where branch = ?', branch);
  sql.run(
    `update unanimous_branches set state = 'rolled-back', changed_at_ms = ?
     where branch = ? and state = 'prepared'`,
    nowMs,
    branch,
  );
  return { result: 'rolled-back' };
}

/** What the file says of a branch, without changing it. */
export function settleBranch(sql: Sql, id: BranchId): Finished | { result: 'in-progress' } {
  const branch = formatBranchId(id);
  const state = branchRow(sql, branch)?.state;
  return state === 'prepared' ? { result: 'in-progress' } : finished(state, branch, id.rm);
}

/** The prepared branches of a resource manager, whoever prepared them. */
export function preparedBranches(sql: Sql, rm: string): BranchId[] {
  const rows = sql.all<{ branch: string }>(
    `select branch from unanimous_branches where state = 'prepared'`,
  );
  return rows.flatMap(({ branch }) => {
    const id = branch.startsWith(branchIdPrefix) ? parseBranchId(branch) : undefined;
    return id?.rm === rm ? [id] : [];
  });
}

/** Which receipts can go. */
export interface ForgetReceipts {
  readonly logId: string;
  readonly lowWaterSeq: number;
  readonly beforeMs: number;
}

/**
 * Deletes receipts that nobody can ask for. A committed branch below the low-water mark of its log
 * has been acknowledged, and an aborted one is forgotten by the log at once; the age on top is for
 * messages still on their way. Age alone never deletes the receipt of a commit.
 */
export function forgetReceipts(sql: Sql, { logId, lowWaterSeq, beforeMs }: ForgetReceipts): void {
  // In portions: this shares the transaction with somebody's commit.
  sql.run(
    `delete from unanimous_branches where branch in (
       select branch from unanimous_branches
       where state = 'committed' and changed_at_ms < ? and log_id = ? and decided_seq < ?
       order by changed_at_ms limit 2000)`,
    beforeMs,
    logId,
    lowWaterSeq,
  );
  sql.run(
    `delete from unanimous_branches where branch in (
       select branch from unanimous_branches
       where state = 'rolled-back' and changed_at_ms < ? order by changed_at_ms limit 2000)`,
    beforeMs,
  );
}

interface BranchRow {
  readonly state: BranchState;
  readonly messages: number;
}

function branchRow(sql: Sql, branch: string): BranchRow | undefined {
  const query = 'select state, messages from unanimous_branches where branch = ?';
  return sql.get(query, branch) as BranchRow | undefined;
}

function finished(
  state: Exclude<BranchState, 'prepared'> | undefined,
  branch: string,
  rm: string,
): Finished {
  if (state) return { result: state };
  const message = `${branch} is neither prepared nor finished in the queue's file`;
  const hint = 'The file was replaced or restored from a backup, or rows were deleted by hand.';
  return { result: 'unknown', reason: { ...reason('heuristic', message, rm), hint } };
}
