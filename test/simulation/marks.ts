/**
 * What must happen now and then, or a simulation proves nothing. A slice that never reached one of
 * them fails.
 */
export const sometimes = {
  'tx.committed': 'a transaction is committed',
  'tx.applied': 'a transaction is committed and applied everywhere',
  'tx.committed-unapplied': 'a client hears of a commit before every branch has applied it',
  'tx.decided': 'a client waits only for the decision',
  'tx.aborted': 'a transaction is aborted',
  'tx.unknown': 'a client is left with unknown',
  'tx.unknown-committed': 'and what was unknown was committed',
  'tx.unknown-aborted': 'and what was unknown was aborted',
  'tx.heuristic': 'a client hears that a branch did not follow',
  'tx.expired': 'an outcome is asked for when the log has forgotten it',
  'tx.cancelled': 'an AbortSignal fires in time',
  'tx.user-abort': "a transaction's function throws",
  'tx.retried': 'a transaction is tried again and committed',
  'tx.overloaded': 'too many transactions are open',
  'tx.timeout': 'a deadline passes before the decision',
  'tx.session-lost': 'a transaction dies with a session',
  'tx.not-awaited': 'a statement that nobody awaited fails its transaction',
  'tx.explicit': 'begin and commit by hand',
  'tx.whole': 'the coordinator hears of a transaction whole, at its commit',
  'tx.applied-here': 'its process knows that it is applied before the coordinator does',
  'tx.home': 'one database commits a transaction of which nobody else hears',
  'tx.home-unknown': 'and its answer is lost, so that nobody can tell its client in time',
  'tx.told': 'the coordinator is told of a transaction that has begun without a word',
  'tx.joined': 'a called service commits its part',
  'tx.late-work': 'a handler still works when its transaction is prepared',
  'tx.payload-too-large': 'a redo payload is over the limit',
  'asked.committed': 'somebody asks later and hears committed',
  'asked.aborted': 'somebody asks later and hears aborted',
  'unary.enlisted': 'a client without the SDK hands work over',
  'unary.enlisted-queue': 'and to a queue',
  'unary.committed': 'a client without the SDK hears that its transaction is committed',
  'unary.aborted': 'and that another is aborted',
  'unary.asked-again': 'a client without the SDK asks for its commit again',
  'unary.left': 'a client without the SDK leaves its transaction to the deadline',
  'rm.one-phase': 'a branch commits in one phase',
  'rm.read-only': 'a branch votes read-only',
  'rm.refused': 'a resource manager refuses to prepare',
  'rm.settled': 'a receipt is asked for a branch of one phase',
  'rm.in-progress': 'and the branch is still in progress',
  'rm.prepare-landed-late': 'a PREPARE lands after its client has given up or died',
  'rm.commit-repeated': 'a commit is answered from the receipt',
  'rm.unknown': 'a receipt cannot tell',
  'rm.orphan-rolled-back': 'a prepared branch of nobody is rolled back',
  'rm.other-instance': 'an instance finishes what another prepared',
  'rm.in-doubt-at-crash': 'a branch is prepared while its process dies',
  'rm.by-hand': 'somebody ends a prepared branch by hand',
  'rm.by-hand-contrary': 'and against the decision',
  'rm.by-hand-reported': 'a commit by hand of what is aborted is reported',
  'rm.audit-written': 'a branch that ended otherwise than decided is written down',
  'rm.restored': 'a resource manager goes back in time',
  'rm.restarted': 'a resource manager restarts',
  'logged.applied': 'an effect is applied',
  'logged.unasked': 'and before the coordinator has asked for it',
  'logged.repeated': 'an effect is applied again',
  'logged.overtaken': 'an older value loses against a newer one',
  'queue.shown': 'a message stands in a queue',
  'queue.crash-lost': 'a process dies before it has committed to a queue',
  'queue.crash-kept': 'a process dies just after it has committed to a queue',
  'queue.sync-failed': "a commit to a queue fails, and stands in the queue's file",
  'log.crash-lost': 'a crash loses what was on its way to the log',
  'log.crash-kept': 'a crash keeps what was on its way to the log',
  'log.crash-torn': 'a crash keeps only a beginning of it',
  'log.write-failed': 'a write to the log fails',
  'log.sync-failed': 'a write fails, and its records stand in the log',
  'log.full': "the log's disk is full",
  'log.restored': 'a restored log is noticed',
  'log.restored-in-mid-run': 'and also while everybody works',
  'log.restored-spoke': 'to somebody who has seen nothing more it has spoken before',
  'log.restored-unnoticed':
    'decisions are lost with the log, and an old one stays in its place unnoticed',
  'log.compacted': 'outcomes are forgotten',
  'coordinator.crashed': 'the coordinator dies',
  'coordinator.drained': 'the coordinator stops in peace',
  'coordinator.superseded': 'a second coordinator takes the log over',
  'coordinator.fenced': 'and the first one is fenced',
  'coordinator.crashed-deciding': 'the coordinator dies while a decision is with the log',
  'coordinator.crashed-delegated': 'the coordinator dies while a branch has the permission',
  'coordinator.crashed-committing': 'the coordinator dies before every branch has acknowledged',
  'service.crashed': 'a service dies',
  'service.closed': 'a service stops in peace',
  'process.paused': 'a process is stopped and wakes',
  'net.reset': 'a connection is reset',
  'net.half-open': 'only one side knows that a connection is gone',
  'net.one-way': 'frames pass in one direction only',
  'net.stalled': 'frames come late',
  'net.partition': 'a service cannot reach the coordinator',
  'net.slow': 'a receiver is slow',
  'operator.resolved': 'an operator resolves a branch',
  'foreign.left-alone': "another log's branch is left alone",
} as const;

/** Name of something that must happen now and then. */
export type Mark = keyof typeof sometimes;

/** How often what happened. */
export class Marks {
  readonly counts = new Map<string, number>();

  /** It has happened. */
  hit(mark: Mark): void {
    this.counts.set(mark, (this.counts.get(mark) ?? 0) + 1);
  }

  /** Adds what another has counted. */
  add(other: Marks): void {
    for (const [mark, count] of other.counts) {
      this.counts.set(mark, (this.counts.get(mark) ?? 0) + count);
    }
  }

  /** What never happened. */
  get missing(): Mark[] {
    return (Object.keys(sometimes) as Mark[]).filter((mark) => !this.counts.has(mark));
  }
}
