import { crashPoints } from '../../../coordinator/src/log/sqlite/crash-points.ts';
import type { Role } from './crash-fleet.ts';
import type { FailAction } from './failpoints.ts';

/** What became of the order that was on its way. */
export type Fate = 'committed' | 'aborted' | 'either';

/** Where a process is hit, and what must be found afterwards. */
export interface CrashRow {
  readonly role: Exclude<Role, 'delivery'>;
  readonly point: string;
  /** Part of what the point tells: a resource manager's name, or a kind. */
  readonly about?: string;
  /** At which passing. */
  readonly at?: number;
  readonly action: FailAction;
  /**
   * What is ordered: `all` writes to two databases and the queue, `solo` to one database, `refused`
   * is aborted by its client, `told` goes to a broker too.
   */
  readonly dish: 'all' | 'solo' | 'refused' | 'told';
  readonly fate: Fate;
  /** Resource managers that hold the order prepared until everything runs again. */
  readonly inDoubt?: readonly string[];
  /** A kill before: this row's is the second one, in the recovery from the first. */
  readonly after?: { readonly role: Exclude<Role, 'delivery'>; readonly point: string };
  /** What brings the process to the point, when it is not the order. */
  readonly by?: 'SIGTERM' | 'resolve' | 'retention';
  /** In every test run; the others in `npm run crash`. */
  readonly quick?: boolean;
}

const all = ['events', 'orders-db', 'stock-db'];

type Short = Partial<CrashRow> & Pick<CrashRow, 'point' | 'fate'>;

function rows(base: Omit<CrashRow, 'point' | 'fate'>, ...list: readonly Short[]): CrashRow[] {
  return list.map((row) => ({ ...base, ...row }));
}

const kill = { action: 'kill', dish: 'all' } as const;
const coordinator = { role: 'coordinator', ...kill } as const;
const stock = { role: 'stock', ...kill } as const;
const orders = { role: 'orders', ...kill } as const;
const decided = { role: 'coordinator', point: 'c.decided.before-tell' } as const;
const undecided = { role: 'coordinator', point: 'c.votes.all-in' } as const;

/** What the log does at a start, in the recovery from a kill after a decision. */
const logStarts = crashPoints
  .filter((point) => point.startsWith('start.'))
  .map((point) => ({ point: `log.${point}`, fate: 'committed', inDoubt: all }) as const);

/** The table: one row for each failpoint and role. */
export const crashRows: readonly CrashRow[] = [
  // The coordinator, before a decision is durable: presumed abort.
  ...rows(
    coordinator,
    // Nothing was written by a begin: the client begins again, for as long as it waits for anybody.
    { point: 'c.begin.before-reply', fate: 'either', inDoubt: [] },
    { point: 'c.enlist.before-reply', about: 'orders-db', fate: 'aborted', inDoubt: [] },
    { point: 'c.enlist.before-reply', about: 'stock-db', fate: 'aborted', inDoubt: [] },
    { point: 'c.enlist.before-reply', about: 'events', fate: 'aborted', inDoubt: [] },
    { point: 'c.prepare.sent', fate: 'aborted' },
    { point: 'c.prepare.sent', at: 2, fate: 'aborted' },
    { point: 'c.votes.all-in', fate: 'aborted', inDoubt: all },
    { point: 'log.append.before-write', fate: 'aborted', inDoubt: all },
    { point: 'log.append.before-commit', fate: 'aborted', inDoubt: all },
  ),
  // From the fsync on it is committed, whoever has heard of it.
  ...rows(
    coordinator,
    { point: 'log.append.before-mirror', fate: 'committed', inDoubt: all },
    { point: 'log.append.before-tip', fate: 'committed', inDoubt: all, quick: true },
    { point: 'log.append.before-reply', fate: 'committed', inDoubt: all },
    { point: 'c.decided.before-tell', fate: 'committed', inDoubt: all, quick: true },
    { point: 'c.commit.sent', fate: 'committed' },
    { point: 'c.commit.sent', at: 2, fate: 'committed' },
    { point: 'c.ack.received', about: 'orders-db', fate: 'committed' },
    { point: 'c.ack.received', about: 'stock-db', fate: 'committed' },
    { point: 'c.ack.received', about: 'events', fate: 'committed' },
    { point: 'c.ack.received', at: 3, fate: 'committed', inDoubt: [] },
    { point: 'c.ended.before-append', fate: 'committed', inDoubt: [] },
    { point: 'c.ended.handed-over', fate: 'committed', inDoubt: [] },
    { point: 'c.outcome.sent', fate: 'committed' },
  ),
  // An abort has no record: who missed it asks.
  ...rows(
    { ...coordinator, dish: 'refused' },
    { point: 'c.abort.sent', fate: 'aborted', inDoubt: [] },
  ),
  // One phase.
  ...rows(
    { ...coordinator, dish: 'solo' },
    { point: 'c.votes.all-in', about: 'delegated', fate: 'aborted', inDoubt: [] },
    { point: 'c.decided.before-tell', about: 'delegated', fate: 'aborted', inDoubt: [] },
    { point: 'c.commit.sent', about: 'ONE_PHASE', fate: 'either', inDoubt: [] },
    { point: 'c.ack.received', about: 'orders-db', fate: 'committed', inDoubt: [] },
  ),
  // Errors of the disk: it stops, and the next start tells.
  ...rows(
    { ...coordinator, action: 'throw' },
    { point: 'log.append.before-write', fate: 'aborted' },
    { point: 'log.append.before-commit', fate: 'aborted', quick: true },
    { point: 'log.append.before-tip', fate: 'committed' },
  ),
  // A log that is slow past the deadline still decides, for nothing else may (rule 3).
  ...rows(
    { ...coordinator, action: 'pause' },
    { point: 'log.append.before-write', fate: 'committed', inDoubt: all, quick: true },
  ),
  // Frozen past the deadline, it wakes and tells what is true.
  ...rows(
    { ...coordinator, action: 'stop' },
    { point: 'c.prepare.sent', fate: 'aborted' },
    { point: 'c.votes.all-in', fate: 'committed', inDoubt: all },
    { point: 'c.decided.before-tell', fate: 'committed', inDoubt: all, quick: true },
    { point: 'c.commit.sent', fate: 'committed' },
  ),
  // A second kill, in the recovery from the first.
  ...rows({ ...coordinator, after: decided }, ...logStarts),
  ...rows(
    { ...coordinator, after: decided },
    { point: 'c.start.before-epoch', fate: 'committed', inDoubt: all },
    { point: 'c.start.before-replay-end', fate: 'committed', inDoubt: all, quick: true },
    { point: 'c.hello.before-welcome', fate: 'committed', inDoubt: all },
    { point: 'c.serve.before-served', fate: 'committed', inDoubt: all },
    { point: 'c.resend.told-one', fate: 'committed' },
    { point: 'c.commit.sent', fate: 'committed' },
    { point: 'log.append.before-commit', fate: 'committed', inDoubt: all },
  ),
  ...rows(
    { ...coordinator, after: undecided },
    { point: 'c.verdict.before-send', fate: 'aborted', inDoubt: all, quick: true },
    { point: 'c.start.before-replay-end', fate: 'aborted', inDoubt: all },
  ),
  // Forgetting what is over.
  ...rows(
    { ...coordinator, by: 'retention' },
    { point: 'c.forget.before-mark', fate: 'committed', inDoubt: [] },
    { point: 'c.forget.after-mark', fate: 'committed', inDoubt: [] },
    { point: 'log.compact.before-commit', fate: 'committed', inDoubt: [] },
    { point: 'log.compact.before-checkpoint', fate: 'committed', inDoubt: [] },
    { point: 'log.compact.before-mirror', fate: 'committed', inDoubt: [] },
  ),
  // Operators' acts.
  ...rows({ ...coordinator, by: 'SIGTERM' }, { point: 'c.drain.begun', fate: 'either' }),
  ...rows(
    { ...coordinator, by: 'resolve' },
    { point: 'c.resolve.before-append', fate: 'committed', inDoubt: ['stock-db'] },
    { point: 'c.resolve.before-reply', fate: 'committed', inDoubt: ['stock-db'] },
  ),
  // The service that is called.
  ...rows(
    stock,
    { point: 'p.enlist.before-send', fate: 'aborted', inDoubt: [] },
    { point: 'p.enlist.acknowledged', fate: 'aborted', inDoubt: [] },
    { point: 'p.prepare.before', fate: 'aborted', inDoubt: [] },
    { point: 'p.PREPARE.sent', fate: 'aborted' },
    { point: 'p.prepare.before-vote', fate: 'aborted', inDoubt: ['stock-db'] },
    { point: 'p.vote.sent', fate: 'either', inDoubt: ['stock-db'] },
    { point: 'p.finish.before', fate: 'committed', inDoubt: ['stock-db'] },
    { point: 'p.commit.position-kept', fate: 'committed', inDoubt: ['stock-db'] },
    { point: 'p.phase-two.sent', about: 'COMMIT PREPARED', fate: 'committed' },
    { point: 'p.finish.before-ack', fate: 'committed', inDoubt: [], quick: true },
    { point: 'p.ack.sent', fate: 'committed', inDoubt: [] },
  ),
  ...rows(
    { ...stock, action: 'throw' },
    { point: 'p.prepare.before', fate: 'aborted', inDoubt: [] },
    { point: 'p.prepare.before-vote', fate: 'aborted' },
    { point: 'p.finish.before', fate: 'committed', quick: true },
    { point: 'p.finish.before-ack', fate: 'committed' },
  ),
  ...rows(
    { ...stock, action: 'stop' },
    { point: 'p.prepare.before', fate: 'aborted', inDoubt: [] },
    { point: 'p.PREPARE.sent', fate: 'aborted', inDoubt: ['stock-db'] },
    { point: 'p.prepare.before-vote', fate: 'aborted', inDoubt: ['stock-db'], quick: true },
    { point: 'p.vote.sent', fate: 'either', inDoubt: ['stock-db'] },
    { point: 'p.finish.before', fate: 'committed', inDoubt: ['stock-db'] },
    { point: 'p.finish.before-ack', fate: 'committed', inDoubt: [] },
  ),
  ...rows(
    { ...stock, after: { role: 'stock', point: 'p.finish.before' } },
    { point: 'p.serve.before-send', fate: 'committed', inDoubt: ['stock-db'] },
    { point: 'p.finish.before-ack', fate: 'committed', inDoubt: [] },
  ),
  ...rows(
    { ...stock, after: { role: 'stock', point: 'p.prepare.before-vote' } },
    { point: 'p.scan.before-ask', fate: 'aborted', inDoubt: ['stock-db'], quick: true },
    { point: 'p.finish.before', about: 'abort', fate: 'aborted', inDoubt: ['stock-db'] },
    { point: 'p.finish.before-ack', about: 'abort', fate: 'aborted', inDoubt: [] },
  ),
  // The service that begins, with a database and the queue.
  ...rows(
    orders,
    { point: 'k.begin.acknowledged', fate: 'aborted', inDoubt: [] },
    { point: 'p.enlist.acknowledged', about: 'events', fate: 'aborted', inDoubt: [] },
    { point: 'k.commit.before-send', fate: 'aborted', inDoubt: [] },
    { point: 'k.commit.sent', fate: 'either' },
    { point: 'p.prepare.before', about: 'orders-db', fate: 'aborted' },
    { point: 'p.prepare.before', about: 'events', fate: 'aborted' },
    { point: 'p.PREPARE.sent', about: 'orders-db', fate: 'aborted' },
    { point: 'p.prepare.before-vote', about: 'orders-db', fate: 'aborted' },
    { point: 'p.prepare.before-vote', about: 'events', fate: 'aborted', quick: true },
    { point: 'p.finish.before', about: 'orders-db', fate: 'committed' },
    { point: 'p.finish.before', about: 'events', fate: 'committed' },
    { point: 'p.phase-two.sent', about: 'COMMIT PREPARED', fate: 'committed' },
    { point: 'p.finish.before-ack', about: 'orders-db', fate: 'committed' },
    { point: 'p.finish.before-ack', about: 'events', fate: 'committed' },
    { point: 'k.commit.answered', fate: 'committed', inDoubt: [] },
  ),
  ...rows(
    { ...orders, action: 'stop' },
    { point: 'k.begin.acknowledged', fate: 'aborted', inDoubt: [] },
    { point: 'k.commit.before-send', fate: 'aborted', inDoubt: [] },
    { point: 'p.prepare.before-vote', about: 'events', fate: 'aborted' },
    { point: 'k.commit.answered', fate: 'committed', inDoubt: [] },
  ),
  // One phase, at the participant.
  ...rows(
    { ...orders, dish: 'solo' },
    { point: 'p.onephase.before-commit', fate: 'aborted', inDoubt: [] },
    { point: 'p.COMMIT.sent', fate: 'either', inDoubt: [] },
    { point: 'p.onephase.before-answer', fate: 'committed', inDoubt: [], quick: true },
    { point: 'p.finish.before', about: 'settle', fate: 'either', inDoubt: [] },
  ).map((row) =>
    row.about === 'settle'
      ? { ...row, after: { role: 'orders', point: 'p.COMMIT.sent' } as const }
      : row,
  ),
  // A logged branch: the broker has no prepare, so the log holds its messages.
  ...rows(
    { ...coordinator, dish: 'told' },
    { point: 'c.votes.all-in', fate: 'aborted', inDoubt: all },
    { point: 'c.decided.before-tell', fate: 'committed', inDoubt: all, quick: true },
    { point: 'c.commit.sent', about: 'APPLY', fate: 'committed', inDoubt: [] },
    { point: 'c.ack.received', about: 'broker', fate: 'committed', inDoubt: [] },
  ),
  ...rows(
    { ...orders, dish: 'told' },
    { point: 'p.prepare.before-vote', about: 'broker', fate: 'aborted' },
    { point: 'p.finish.before', about: 'broker', fate: 'committed', inDoubt: [] },
    { point: 'p.publish.sent', fate: 'committed', inDoubt: [] },
    { point: 'p.finish.before-ack', about: 'broker', fate: 'committed', inDoubt: [] },
  ),
];

/** How a row is called in a report. */
export function titleOf({ role, point, about, at = 1, action, dish, after, by }: CrashRow): string {
  const where = about === undefined ? point : `${point} of ${about}`;
  const when = [
    at > 1 ? `passing ${at}` : '',
    dish === 'all' ? '' : `an order "${dish}"`,
    after ? `after a kill at ${after.point}` : '',
    by ? `by ${by}` : '',
  ].filter((text) => text !== '');
  return `${role}, ${action} at ${where}${when.length > 0 ? ` (${when.join(', ')})` : ''}`;
}
