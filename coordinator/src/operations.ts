import {
  type Birth,
  compareBirths,
  failpoint,
  type Gid,
  parseGid,
  parseHomeGid,
  UnanimousError,
} from '@unanimous/proto';
import type { StatusReply, TransactionView } from '@unanimous/proto';
import type { Coordinator } from './coordinator.ts';
import { hasHeuristic, outcomeOf } from './protocol/answers.ts';
import type { Resolution } from './protocol/record.ts';
import type { Entry } from './entry.ts';
import { version } from './version.ts';
import { bareTransactionView, stateName, transactionView } from './views.ts';
import type { World } from './world.ts';

/** What operators see of a coordinator, and the one thing that they may change. */
export class Operations {
  readonly #coordinator: Coordinator;
  readonly #world: World;

  constructor(coordinator: Coordinator, world: World) {
    this.#coordinator = coordinator;
    this.#world = world;
  }

  /**
   * Records an operator's word on a stuck or heuristic branch.
   * @throws UnanimousError `not-live`, `cannot-resolve`, `invalid-argument`.
   */
  async resolve(
    gidText: string,
    branch: number,
    resolution: Resolution,
    by: { readonly operator: string; readonly reason: string },
  ): Promise<TransactionView> {
    this.#coordinator.checkRunning();
    for (const [field, text] of Object.entries(by)) {
      if (text.trim() !== '' && text.length <= 2_000) continue;
      throw new UnanimousError('invalid-argument', `${field}: 1 to 2,000 characters are required`);
    }
    const { gid } = this.#coordinator.ownGid(gidText);
    const entry = this.#coordinator.transactions.find(gid);
    if (!entry) throw new UnanimousError('cannot-resolve', `${gid} is over or was never begun`);
    const at = this.#world.timeOfDay();
    const input = { kind: 'resolve', branch, resolution, ...by, at } as const;
    failpoint('c.resolve.before-append');
    const { refused, recorded } = this.#coordinator.transactions.input(entry, input);
    if (refused) throw new UnanimousError(refused.code, refused.message, { rm: refused.rm });
    await recorded;
    this.#coordinator.checkRunning();
    this.#coordinator.sessions.tellWord(gid, branch);
    failpoint('c.resolve.before-reply');
    return this.#view(entry);
  }

  /**
   * Transactions in these states (none: all that are not over), by birth, oldest first. `after` is the
   * last gid of the page before; it need not exist any more.
   * @throws UnanimousError `malformed-gid`, `foreign-gid`.
   */
  list(
    states: readonly string[],
    limit: number,
    after: string,
  ): {
    transactions: TransactionView[];
    more: boolean;
  } {
    const from = after === '' ? undefined : this.#coordinator.ownGid(after).birth;
    const found: { entry: Entry; birth: Birth }[] = [];
    for (const entry of this.#coordinator.transactions.all()) {
      const { state } = entry;
      const isAsked = states.length > 0 ? states.includes(stateName(state)) : isUnfinished(entry);
      if (!isAsked) continue;
      const { birth } = parseGid(state.gid);
      if (!from || compareBirths(birth, from) > 0) found.push({ entry, birth });
    }
    // The log brings decisions back in their own order, and live transactions stand in another.
    found.sort((a, b) => compareBirths(a.birth, b.birth));
    const transactions = found.slice(0, limit).map(({ entry }) => this.#view(entry));
    return { transactions, more: found.length > limit };
  }

  /**
   * One transaction.
   * @throws UnanimousError `malformed-gid`, `foreign-gid`, `not-live`.
   */
  show(gidText: string): TransactionView {
    const atHome = parseHomeGid(gidText);
    if (atHome) {
      this.#coordinator.ownGid(atHome.gid);
      const isCommitted = atHome.outcome === 'committed';
      return bareTransactionView(gidText as Gid, isCommitted ? 'committed' : 'expired');
    }
    const { gid } = this.#coordinator.ownGid(gidText);
    const entry = this.#coordinator.transactions.find(gid);
    if (entry) return this.#view(entry);
    const { kind } = this.#coordinator.outcome(gid);
    if (kind === 'OUTCOME_UNKNOWN') return bareTransactionView(gid, 'active');
    return bareTransactionView(gid, kind === 'OUTCOME_EXPIRED' ? 'expired' : 'aborted');
  }

  /** The coordinator and its load. */
  status(): StatusReply {
    const entries = [...this.#coordinator.transactions.all()];
    const { logId, epoch } = this.#coordinator.incarnation;
    return {
      version,
      logId,
      epoch,
      active: this.#coordinator.transactions.openCount,
      unfinished: entries.filter((e) => stateName(e.state) === 'committing').length,
      heuristic: entries.filter((e) => hasHeuristic(e.state)).length,
      peers: this.#coordinator.sessions.views(),
      seq: this.#coordinator.tip().seq,
    };
  }

  #view(entry: Entry): TransactionView {
    return transactionView(entry.state, {
      name: entry.name,
      ageMs: Number.isNaN(entry.begunAtMs) ? 0 : this.#world.nowMs() - entry.begunAtMs,
      remainingMs:
        outcomeOf(entry.state).is === 'undecided'
          ? this.#coordinator.transactions.remainingMs(entry)
          : 0,
      instanceOf: (session) => this.#coordinator.sessions.instanceOf(session),
    });
  }
}

function isUnfinished({ state }: Entry): boolean {
  const name = stateName(state);
  return name !== 'committed' && name !== 'aborted';
}
