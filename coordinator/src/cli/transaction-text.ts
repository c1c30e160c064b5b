import type { BranchView, StatusReply, TransactionView } from '@unanimous/proto';
import { safeText } from './safe-text.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

type Paint = Terminal['paint'];

/** States in which something is decided and not applied everywhere, or went wrong. */
const attentionStates = ['delegated', 'committing', 'heuristic'];

/** True when a branch is in doubt or has not followed the decision. */
export function needsAttention({ state }: TransactionView): boolean {
  return attentionStates.includes(state);
}

/** What `list` prints. */
export function listText(
  transactions: readonly TransactionView[],
  more: boolean,
  paint: Paint,
): string {
  if (transactions.length === 0) return 'no transactions\n';
  const rows = transactions.map((transaction) => [
    transaction.gid,
    stateText(transaction.state, paint),
    durationText(transaction.ageMs),
    durationText(transaction.remainingMs),
    safeText(transaction.name) || '-',
    transaction.branches.map(branchText).join(', ') || '-',
  ]);
  const counts = new Map<string, number>();
  for (const { state } of transactions) counts.set(state, (counts.get(state) ?? 0) + 1);
  const summary = [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
  const last = transactions.at(-1)?.gid;
  const next = more ? `more: unanimous list --after ${last}\n` : '';
  return `${table(['GID', 'STATE', 'AGE', 'LEFT', 'NAME', 'BRANCHES'], rows)}${summary}\n${next}`;
}

/** What `show` and `resolve` print. */
export function showText(transaction: TransactionView, paint: Paint): string {
  const { gid, state, name, ageMs, remainingMs, reason, branches } = transaction;
  const lines = [
    ['gid', gid],
    ['state', stateText(state, paint)],
    ['name', safeText(name) || '-'],
    ['age', durationText(ageMs)],
    ['left', durationText(remainingMs)],
    ...(reason ? [['reason', `${reason.code}: ${safeText(reason.message)}`]] : []),
  ];
  const facts = lines.map(([key = '', value]) => `${key.padEnd(8)}${value}\n`).join('');
  const advice = adviceOn(transaction);
  return `${facts}${branchTable(branches, paint)}${advice ? `next: ${advice}\n` : ''}`;
}

/** What `status` prints. */
export function statusText(status: StatusReply): string {
  const { version, logId, epoch, seq, active, unfinished, heuristic, peers } = status;
  const facts = { version, log: logId, epoch, seq, active, unfinished, heuristic };
  const lines = Object.entries(facts).map(([key, value]) => `${key.padEnd(12)}${value}\n`);
  const rows = peers.map(({ instance, service, sdk, rms }) =>
    [instance, service, sdk, rms.join(', ')].map((text) => safeText(text) || '-'),
  );
  const head = ['INSTANCE', 'SERVICE', 'SDK', 'RESOURCE MANAGERS'];
  return `${lines.join('')}${'peers'.padEnd(12)}${peers.length}\n${rows.length > 0 ? table(head, rows) : ''}`;
}

function branchTable(branches: readonly BranchView[], paint: Paint): string {
  if (branches.length === 0) return '';
  const rows = branches.map((branch) => [
    String(branch.branch),
    branch.rm,
    branch.kind,
    stateText(branch.state, paint),
    safeText(branch.instance) || '-',
    safeText(branch.receipt) || '-',
    noteOn(branch),
  ]);
  return table(['BRANCH', 'RM', 'KIND', 'STATE', 'INSTANCE', 'RECEIPT', 'NOTE'], rows);
}

function noteOn({ reason, resolvedBy, resolvedReason }: BranchView): string {
  if (resolvedBy) return `by ${safeText(resolvedBy)}: ${safeText(resolvedReason)}`;
  return reason ? `${reason.code}: ${safeText(reason.message)}` : '-';
}

function branchText({ rm, state, reason }: BranchView): string {
  return `${rm} ${state}${reason ? ` (${reason.code})` : ''}`;
}

/** What an operator can do now; empty when there is nothing to do. */
function adviceOn({ gid, state, branches }: TransactionView): string {
  const owing = branches.filter((branch) => branch.state === 'committing').map(({ rm }) => rm);
  const serve = `start a process that serves ${[...new Set(owing)].join(', ')}`;
  switch (state) {
    case 'delegated':
      return `only its participant knows whether it committed, by its receipt: ${serve}`;
    case 'committing':
      return `it is committed; to have it applied everywhere, ${serve}`;
    case 'heuristic':
      return (
        `look into the resource manager of the branch that did not follow, repair it, then ` +
        `unanimous resolve ${gid} --branch N --as committed|rolled-back --reason TEXT`
      );
    default:
      return '';
  }
}

function stateText(state: string, paint: Paint): string {
  if (state === 'heuristic' || state === 'unknown') return paint('red', state);
  return attentionStates.includes(state) ? paint('yellow', state) : state;
}

/** One unit is enough to see what is old. Nothing is known of the age of what the log brought back. */
function durationText(ms: number): string {
  if (ms === 0) return '-';
  if (ms < 1_000) return `${ms}ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
