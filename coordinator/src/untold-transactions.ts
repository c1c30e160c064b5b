import { failpoint, type ParsedGid, UnanimousError } from '@unanimous/proto';
import type { Begin, Gid, Outcome, Whole } from '@unanimous/proto';
import type { Coordinator } from './coordinator.ts';
import { branchFor } from './new-branch.ts';
import { checkOwner } from './owner.ts';
import type { Input, WholeBranch } from './protocol/decide.ts';
import { readVote } from './sessions/read-messages.ts';
import type { Session } from './sessions/session.ts';
import type { Entry, Owner } from './entry.ts';

/**
 * Transactions that sessions begin without a word, under gids that they were given before, and of
 * which they tell later: their begin, their abort, or all of them at once.
 */
export class UntoldTransactions {
  readonly #coordinator: Coordinator;

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
  }

  /**
   * A transaction that has begun without a word, with its branches so far. They are numbered in their
   * order, so nobody else's may come between. When it is refused it is aborted.
   * @throws UnanimousError as `begin` and `enlist` do, but not `draining`: it is open already.
   */
  beginTold(session: Session, told: Begin): { gid: Gid; remainingMs: number } {
    this.#coordinator.checkRunning();
    const owner = { session: session.number };
    const own = this.#coordinator.ownGid(told.gid);
    const { gid } = own;
    this.#bear(owner, own);
    const branches = told.branches.map((open) =>
      branchFor({ session, ...open }, this.#coordinator),
    );
    const entry = this.#coordinator.transactions.begin(owner, told.timeoutMs, told.name, gid);
    const { maxBranches } = this.#coordinator.limits;
    for (const branch of branches) {
      const { refused } = this.#coordinator.transactions.input(entry, {
        kind: 'enlist',
        branch,
        maxBranches,
      });
      if (!refused) continue;
      this.#coordinator.transactions.input(entry, { kind: 'abort', reason: refused });
      throw new UnanimousError(refused.code, refused.message, { rm: refused.rm });
    }
    return { gid, remainingMs: this.#coordinator.transactions.remainingMs(entry) };
  }

  /**
   * Gives a session gids, under which it begins transactions without a word.
   * @throws UnanimousError `draining`; `overloaded`, when it has used up too few of them.
   */
  reserve(session: number, unusedFrom: number): { first: number; count: number } {
    this.#coordinator.checkRunning();
    if (unusedFrom > 0) this.#coordinator.transactions.blocks.giveBack(session, unusedFrom);
    if (this.#coordinator.isDraining)
      throw new UnanimousError('draining', 'the coordinator is stopping');
    const block = this.#coordinator.transactions.blocks.reserve(session);
    if (!block) throw new UnanimousError('overloaded', 'this session has too many unused gids');
    return block;
  }

  /**
   * A transaction of which nothing was told before: begin, branches, votes and commit at once. From
   * here on its gid is used up: when it is refused it is aborted, and whoever has prepared rolls back.
   * @throws UnanimousError `not-owner`, and as `begin` and `enlist` do.
   */
  whole(session: Session, message: Whole, answer: (outcome: Outcome) => void): void {
    this.#coordinator.checkRunning();
    const owner = { session: session.number };
    const own = this.#coordinator.ownGid(message.gid);
    const { gid } = own;
    if (this.#coordinator.transactions.holderOf(own.birth) === undefined) {
      return this.#answerAgain(gid, owner, message.waitAppliedMs, answer);
    }
    this.#bear(owner, own);
    if (message.remainingMs === 0) {
      throw new UnanimousError('timeout', 'the deadline passed before the decision', { gid });
    }
    const branches = message.branches.map((wire): WholeBranch => {
      const { rm, canOnePhase, incarnation } = wire;
      const branch = branchFor({ session, rm, canOnePhase }, this.#coordinator);
      return {
        branch,
        incarnation,
        vote: readVote(wire, this.#coordinator.limits.maxPayloadBytes),
      };
    });
    failpoint('c.whole.before-append');
    const entry = this.#coordinator.transactions.whole(owner, { ...message, gid }, branches);
    const { waitAppliedMs } = message;
    this.#coordinator.transactions.wait(entry, waitAppliedMs, (outcome) => {
      // Who asks for the decision alone has all branches, and sees for itself how far they are.
      answer(waitAppliedMs === 0 ? { ...outcome, pending: [] } : outcome);
    });
  }

  /** Told before: it is what it was, and its outcome is the answer. */
  #answerAgain(
    gid: Gid,
    owner: Owner,
    waitAppliedMs: number,
    answer: (outcome: Outcome) => void,
  ): void {
    const known = this.#coordinator.transactions.find(gid);
    if (!known) return answer(this.#coordinator.outcome(gid));
    checkOwner(known, owner);
    this.#coordinator.transactions.wait(known, waitAppliedMs, answer);
  }

  /** Uses up a gid of the owner's own blocks. @throws UnanimousError `not-owner`, `not-live`. */
  #bear(owner: Owner, { gid, birth }: Pick<ParsedGid, 'gid' | 'birth'>): void {
    const holder = this.#coordinator.transactions.holderOf(birth);
    if (holder === undefined) {
      throw new UnanimousError('not-live', `transaction ${gid} is over or was never begun`, {
        gid,
      });
    }
    if (!('session' in owner) || owner.session !== holder) {
      throw new UnanimousError('not-owner', `transaction ${gid} was begun by somebody else`, {
        gid,
      });
    }
    this.#coordinator.transactions.blocks.bear(birth.counter);
  }

  /**
   * Resolves when the session to which a gid was given has told of its transaction, or is lost;
   * undefined for any other gid. Who joins a transaction may come before its begin.
   */
  whenTold(gidText: string): Promise<void> | undefined {
    if (this.#coordinator.transactions.find(gidText as Gid)) return undefined;
    const { birth } = this.#coordinator.ownGid(gidText);
    if (this.#coordinator.transactions.holderOf(birth) === undefined) return undefined;
    return this.#coordinator.transactions.blocks.whenTold(birth.counter);
  }

  /**
   * The end of a transaction that was not told of before: an abort is kept, with the reason.
   * @throws UnanimousError `not-owner`, when somebody else began it.
   */
  ended(gidText: string, owner: Owner, { kind }: Input): Entry | undefined {
    const own = this.#coordinator.ownGid(gidText);
    const holder = this.#coordinator.transactions.holderOf(own.birth);
    if (holder === undefined || this.#coordinator.failure) return undefined;
    const isOwner = 'session' in owner && owner.session === holder;
    if (isOwner && kind !== 'abort') return undefined; // it is committed whole, or told before
    this.#bear(owner, own);
    return this.#coordinator.transactions.begin(owner, 0, '', own.gid);
  }
}
