import type { BranchView, StatusReply, TransactionView } from '@unanimous/proto';

/** Version of the shapes below. Fields may come; none goes or changes its meaning. */
const version = 1;

/** What `list --json` prints. */
export function listJson(transactions: readonly TransactionView[], more: boolean): string {
  return print({ version, transactions: transactions.map(transactionJson), more });
}

/** What `show --json` and `resolve --json` print. */
export function showJson(transaction: TransactionView): string {
  return print({ version, transaction: transactionJson(transaction) });
}

/** What `status --json` prints. */
export function statusJson(status: StatusReply): string {
  const { version: software, logId, epoch, seq, active, unfinished, heuristic, peers } = status;
  const shown = peers.map(({ instance, service, sdk, rms }) => ({ instance, service, sdk, rms }));
  const counts = { active, unfinished, heuristic };
  return print({ version, status: { software, logId, epoch, seq, ...counts, peers: shown } });
}

function transactionJson(transaction: TransactionView) {
  const { gid, state, name, ageMs, remainingMs, branches, reason } = transaction;
  const shown = branches.map(branchJson);
  return { gid, state, name, ageMs, remainingMs, reason: reasonJson(reason), branches: shown };
}

function branchJson(view: BranchView) {
  const { branch, rm, kind, state, instance, receipt, reason, resolvedBy, resolvedReason } = view;
  const about = { branch, rm, kind, state, instance, receipt, reason: reasonJson(reason) };
  return { ...about, resolvedBy, resolvedReason };
}

function reasonJson(reason: TransactionView['reason']) {
  if (!reason) return null;
  const { code, message, hint, rm, retryable } = reason;
  return { code, message, hint, rm, retryable };
}

function print(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
