import type { FailAction } from '../crash/support/failpoints.ts';

/** One way to write to two databases, one process that is hit, one moment. */
export interface BlockingCase {
  readonly way: 'two-phase commit' | 'saga' | 'outbox';
  readonly role: 'coordinator' | 'stock' | 'orders' | 'steps';
  readonly action: FailAction | 'none';
  /** The failpoint; where nothing is hit, where it is only looked at. */
  readonly point: string;
  readonly about?: string;
  readonly dish: 'all' | 'refused';
  /** For people: who was hit, and when. */
  readonly hit: string;
  readonly endedBy: string;
}

type Short = Omit<BlockingCase, 'way' | 'action' | 'dish'> & Partial<BlockingCase>;

function cases(way: BlockingCase['way'], ...list: readonly Short[]): BlockingCase[] {
  return list.map((one) => ({ way, action: 'kill', dish: 'all', ...one }));
}

const log = 'the restarted coordinator: its log holds the decision';
const presumed = 'the restarted coordinator: not in its log, so aborted';

/** What is measured, in the order of the table. */
export const blockingCases: readonly BlockingCase[] = [
  ...cases(
    'two-phase commit',
    {
      role: 'coordinator',
      point: 'c.votes.all-in',
      hit: 'coordinator, all votes in, nothing decided',
      endedBy: presumed,
    },
    {
      role: 'coordinator',
      point: 'c.decided.before-tell',
      hit: 'coordinator, decided, nobody told',
      endedBy: log,
    },
    {
      role: 'coordinator',
      point: 'c.commit.sent',
      hit: 'coordinator, one of two told',
      endedBy: log,
    },
    {
      role: 'coordinator',
      point: 'c.decided.before-tell',
      action: 'stop',
      hit: 'coordinator, frozen for 2 s when decided',
      endedBy: 'it wakes',
    },
    {
      role: 'stock',
      point: 'p.prepare.before',
      hit: 'called service, before it prepares',
      endedBy: 'the lost session: aborted at once',
    },
    {
      role: 'stock',
      point: 'p.prepare.before-vote',
      hit: 'called service, prepared, not voted',
      endedBy: 'its restart: the scan finds the orphan and asks',
    },
    {
      role: 'stock',
      point: 'p.finish.before',
      hit: 'called service, told to commit',
      endedBy: 'its restart: the commit is sent again',
    },
    {
      role: 'stock',
      point: 'p.finish.before-ack',
      hit: 'called service, committed, not acknowledged',
      endedBy: 'nothing was blocked',
    },
    {
      role: 'orders',
      point: 'k.commit.before-send',
      hit: 'calling service, before it asks for the commit',
      endedBy: 'the lost session: aborted at once',
    },
    {
      role: 'orders',
      point: 'p.prepare.before-vote',
      about: 'orders-db',
      hit: 'calling service, prepared, not voted',
      endedBy: 'its restart: the scan finds the orphan and asks',
    },
    {
      role: 'orders',
      point: 'p.finish.before',
      about: 'orders-db',
      hit: 'calling service, told to commit',
      endedBy: 'its restart: the commit is sent again',
    },
  ),
  ...cases(
    'saga',
    {
      role: 'steps',
      point: 'steps.after-first',
      hit: 'service, between its two steps',
      endedBy: 'its restart goes on',
    },
    {
      role: 'steps',
      point: 'steps.before-compensation',
      dish: 'refused',
      hit: 'service, before its compensation',
      endedBy: 'its restart takes the first step back',
    },
    {
      role: 'steps',
      point: 'steps.after-second',
      hit: 'service, after both steps',
      endedBy: 'nothing was missing',
    },
  ),
  ...cases(
    'outbox',
    {
      role: 'steps',
      point: 'steps.after-first',
      action: 'none',
      hit: 'nobody: the relay polls every 100 ms',
      endedBy: 'the relay’s next poll',
    },
    {
      role: 'steps',
      point: 'steps.after-first',
      hit: 'service with its relay, before the relay has polled',
      endedBy: 'its restart polls',
    },
    {
      role: 'steps',
      point: 'steps.after-second',
      hit: 'service with its relay, after the second write',
      endedBy: 'nothing was missing',
    },
  ),
];
