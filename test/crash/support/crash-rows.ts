import { crashPoints } from '../../../coordinator/src/log/sqlite/crash-points.ts';
import type { CrashRow } from './crash-row.ts';

const all = ['events', 'orders-db', 'stock-db'];
const home = ['events', 'orders-db'];

type Short = Partial<CrashRow> & Pick<CrashRow, 'point' | 'fate'>;

function rows(base: Omit<CrashRow, 'point' | 'fate'>, ...list: readonly Short[]): CrashRow[] {
  return list.map((row) => ({ ...base, ...row }));
}

const kill = { action: 'kill', dish: 'all' } as const;
const coordinator = { role: 'coordinator', ...kill, bound: 'R+S' } as const;
const stock = { role: 'stock', ...kill, bound: 'S' } as const;
const orders = { role: 'orders', ...kill, bound: 'S' } as const;
const decided = { role: 'coordinator', point: 'c.decided.before-tell' } as const;
const undecided = { role: 'coordinator', point: 'c.votes.all-in' } as const;

/** What the log does at a start, in the recovery from a kill after a decision. */
const logStarts = crashPoints
  .filter((point) => point.startsWith('start.'))
  .map((point) => ({ point: `log.${point}`, fate: 'committed', inDoubt: all }) as const);

/** The rows that were thought of one by one: each failpoint and role, killed, and more. */
export const thoughtRows: readonly CrashRow[] = [
  // The coordinator, before a decision is durable: presumed abort.
  ...rows(
    coordinator,
    // Nothing was written by a begin: the client begins again, for as long as it waits for anybody.
    { point: 'c.begin.before-reply', fate: 'either', inDoubt: [] },
    // The first branch is enlisted without a word, wherever its session has gids.
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
    { point: 'c.outcome.sent', about: 'OUTCOME_COMMITTED', fate: 'committed' },
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
  // A transaction that it hears of whole: before the record it never was.
  ...rows(
    { ...coordinator, dish: 'home' },
    { point: 'c.whole.before-append', fate: 'aborted', inDoubt: home, quick: true },
    { point: 'c.votes.all-in', fate: 'aborted', inDoubt: home },
    { point: 'c.decided.before-tell', fate: 'committed', inDoubt: home, quick: true },
    { point: 'c.ack.received', about: 'events', fate: 'committed' },
  ),
  // Errors of the disk, and on the way to it: it stops, and the next start tells.
  ...rows(
    { ...coordinator, action: 'throw' },
    { point: 'c.votes.all-in', fate: 'aborted', quick: true },
    { point: 'log.append.before-write', fate: 'aborted' },
    { point: 'log.append.before-commit', fate: 'aborted' },
    { point: 'log.append.before-tip', fate: 'committed' },
  ),
  // A log that is slow past the deadline still decides, for nothing else may (rule 3).
  ...rows(
    { ...coordinator, action: 'pause', bound: 'S' },
    { point: 'log.append.before-write', fate: 'committed', inDoubt: all, quick: true },
  ),
  // Frozen past the deadline, it wakes and tells what is true.
  ...rows(
    { ...coordinator, action: 'stop', bound: 'S' },
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
    { point: 'p.PREPARE.sent', fate: 'aborted', bound: 'S+2Q' }, // it may land after a scan
    { point: 'p.prepare.before-vote', fate: 'aborted', inDoubt: ['stock-db'], bound: 'S+Q' },
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
    { point: 'p.prepare.before-vote', fate: 'aborted', bound: 'S+Q' },
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
    { ...stock, bound: 'S+Q', after: { role: 'stock', point: 'p.prepare.before-vote' } },
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
    { point: 'p.PREPARE.sent', about: 'orders-db', fate: 'aborted', bound: 'S+2Q' },
    { point: 'p.prepare.before-vote', about: 'orders-db', fate: 'aborted', bound: 'S+Q' },
    { point: 'p.prepare.before-vote', about: 'events', fate: 'aborted', bound: 'S+Q', quick: true },
    { point: 'p.finish.before', about: 'orders-db', fate: 'committed' },
    { point: 'p.finish.before', about: 'events', fate: 'committed' },
    { point: 'p.phase-two.sent', about: 'COMMIT PREPARED', fate: 'committed' },
    { point: 'p.finish.before-ack', about: 'orders-db', fate: 'committed' },
    { point: 'p.finish.before-ack', about: 'events', fate: 'committed' },
    { point: 'k.commit.answered', fate: 'committed', inDoubt: [] },
  ),
  // All branches are prepared, and nobody knows of them but this process.
  ...rows(
    { ...orders, dish: 'home', bound: 'S+Q' },
    { point: 'p.whole.before-send', fate: 'aborted', inDoubt: home, quick: true },
    { point: 'k.whole.sent', fate: 'either', inDoubt: undefined },
    { point: 'p.prepare.before-vote', about: 'events', fate: 'aborted' },
  ),
  // Committed, and its own process tells the client of it while the coordinator has yet to hear.
  ...rows(
    { ...orders, dish: 'home' },
    { point: 'p.finish.before', about: 'orders-db', fate: 'committed' },
    { point: 'p.ack.waits', fate: 'committed' },
    { point: 'p.ack.waits', at: 2, fate: 'committed', inDoubt: [], quick: true },
  ),
  ...rows(
    { ...orders, dish: 'home', action: 'stop' },
    { point: 'p.whole.before-send', fate: 'aborted' },
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
  ),
  ...rows(
    { ...orders, dish: 'solo', after: { role: 'orders', point: 'p.COMMIT.sent' } },
    { point: 'p.finish.before', about: 'settle', fate: 'either', inDoubt: [] },
  ),
  // The database commits it by itself.
  ...rows(
    { ...orders, dish: 'alone' },
    { point: 'p.home.before-commit', fate: 'aborted', inDoubt: [] },
    { point: 'p.home.sent', fate: 'either', inDoubt: [], quick: true },
    { point: 'p.home.before-answer', fate: 'committed', inDoubt: [] },
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
