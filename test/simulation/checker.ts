import { UnanimousError } from '@unanimous/proto';
import { byHandIn, type Fact, isCommitted } from './ledger.ts';
import type { Simulation } from './simulation.ts';

/** Compares what was promised with what everybody holds. */
export class Checker {
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** Somebody was told that every branch shows its part. */
  checkApplied(fact: Fact): void {
    const shown = this.#shown(fact);
    this.#checkRows(fact, true, (row) => shown.has(row));
  }

  /** Why not everything has come to its end; undefined when it has. */
  unresolved(): string | undefined {
    const { databases, queues, coordinatorNode, workload, services } = this.#simulation;
    const { coordinator } = coordinatorNode;
    if (!coordinatorNode.isUp || !coordinator) return 'the coordinator is down';
    const [plan] = workload.running.keys();
    if (plan) return `the call of transaction ${plan.number} has not come back`;
    for (const database of databases) {
      for (const row of database.prepared) {
        // What a restored database shows, and the log has forgotten, is kept until people look.
        const isHazard = row.id.incarnation !== database.incarnation;
        if (!this.#simulation.isForeign(row) && !isHazard) {
          return `${database.rm} holds ${row.key} prepared`;
        }
      }
    }
    for (const queue of queues) {
      const [gid] = queue.prepared();
      if (gid !== undefined) return `${queue.rm} holds ${gid} prepared`;
    }
    if (coordinator.transactions.openCount > 0) return 'a transaction is undecided';
    for (const { state } of coordinator.transactions.all()) {
      if (state.phase === 'delegated' || state.phase === 'committing') {
        const open = state.branches.find((b) => ['yes', 'ready'].includes(b.state.is));
        if (open) return `${open.rm} owes an answer for ${state.gid}`;
      }
    }
    for (const { name, service } of services) {
      if (!service) return `${name} is down`;
      const { branches, transactions } = service.tm.kept;
      if (branches > 0) return `${name} keeps ${branches} branches`;
      if (transactions > 0) return `${name} keeps ${transactions} transactions`;
    }
    return undefined;
  }

  /** After everything has come to its end. */
  checkAll(): void {
    const { ledger, databases, targets, queues, marks } = this.#simulation;
    const shown = new Map<number, string>();
    const add = (gid: string, rows: readonly number[], rm: string) => {
      for (const row of rows) {
        if (shown.has(row)) ledger.violate('once', `row ${row} of ${gid} stands twice in ${rm}`);
        shown.set(row, gid);
      }
    };
    for (const database of databases) {
      for (const row of database.committedRows()) add(row.id.gid, row.rows, database.rm);
    }
    for (const target of targets) {
      for (const [row, { gid }] of target.applied) add(gid, [row], target.rm);
    }
    for (const queue of queues) {
      for (const { gid, row } of queue.shown()) {
        marks.hit('queue.shown');
        add(gid, [row], queue.rm);
        ledger.committed(gid, queue.rm, false);
      }
    }
    for (const fact of ledger.facts.values()) {
      const wasCommitted = isCommitted(fact);
      if (fact.wasUnknown) marks.hit(wasCommitted ? 'tx.unknown-committed' : 'tx.unknown-aborted');
      this.#checkRows(fact, wasCommitted, (row) => shown.get(row) === fact.gid);
    }
    this.#checkHeuristics();
    this.#checkOrder();
  }

  /** Of what a transaction should have written, what stands anywhere. */
  #shown({ gid, groups }: Fact): Set<number> {
    const { databases, targets, queues } = this.#simulation;
    const rows = new Set<number>();
    for (const database of databases) for (const row of database.rowsOf(gid)) rows.add(row);
    for (const queue of queues) {
      if (!groups.some(({ rm }) => rm === queue.rm)) continue;
      for (const { row } of queue.shown(gid)) rows.add(row);
    }
    for (const target of targets) {
      for (const group of groups) {
        if (group.rm !== target.rm) continue;
        for (const row of group.rows) if (target.applied.has(row)) rows.add(row);
      }
    }
    return rows;
  }

  /** AC1, AC3 and durability: all of it or nothing, in every place that nobody has meddled with. */
  #checkRows(fact: Fact, wasCommitted: boolean, isShown: (row: number) => boolean): void {
    const { ledger } = this.#simulation;
    if (ledger.strays.has(fact.gid)) return;
    for (const { rm, rows, isFirm } of fact.groups) {
      if (rows.length === 0 || byHandIn(fact, rm) || fact.restoredIn.includes(rm)) continue;
      const count = rows.filter(isShown).length;
      const isWhole = count === rows.length;
      if (!wasCommitted && count > 0) {
        ledger.violate('AC1', `${fact.gid} is aborted, and ${rm} shows ${count} of its rows`);
      } else if (wasCommitted && isFirm && !isWhole) {
        const of = `${count} of ${rows.length}`;
        ledger.violate('AC3', `${fact.gid} is committed, and ${rm} shows ${of} of its rows`);
      } else if (wasCommitted && count > 0 && !isWhole) {
        ledger.violate('AC3', `${fact.gid} is committed, with half of the work in ${rm}`);
      }
    }
  }

  /** What people have ended against the decision, and is not reported: scans may take their time. */
  unreported(): string | undefined {
    const { ledger, marks } = this.#simulation;
    for (const fact of ledger.endedByHand) {
      if (ledger.strays.has(fact.gid)) continue;
      const wasCommitted = isCommitted(fact);
      for (const { rm, fate } of fact.byHand) {
        if (wasCommitted === (fate === 'committed') || fact.restoredIn.includes(rm)) continue;
        marks.hit('rm.by-hand-contrary');
        if (this.#isReported(fact.gid, rm)) {
          if (!wasCommitted) marks.hit('rm.by-hand-reported');
          continue;
        }
        // Two are excused, and both are promised so (docs/operations.md, By hand). Of what the log
        // has forgotten nobody can say any more that it was aborted: its absence means nothing there.
        // And who commits by hand, neither writes it down nor is found by a process that lives to
        // tell it, leaves no trace: the database shows a commit like any other.
        const isExcused = this.#isForgotten(fact) || !this.#isCommitKnown(fact, rm);
        if (!wasCommitted && isExcused) continue;
        return `${rm} was ended by hand against ${fact.gid}, and nobody says so`;
      }
    }
    return undefined;
  }

  #isForgotten({ gid }: Fact): boolean {
    try {
      return this.#simulation.coordinatorNode.coordinator?.outcome(gid).kind === 'OUTCOME_EXPIRED';
    } catch (error) {
      // A restored log that nobody noticed has not given the gid out yet: no excuse.
      if (error instanceof UnanimousError && error.code === 'not-live') return false;
      throw error;
    }
  }

  #isCommitKnown({ gid }: Fact, rm: string): boolean {
    const { databases } = this.#simulation;
    return databases.some((one) => one.rm === rm && one.isCommitKnown(gid));
  }

  #isReported(gid: string, rm: string): boolean {
    const entry = this.#simulation.coordinatorNode.coordinator?.transactions.find(gid as never);
    const branches = entry?.state.branches ?? [];
    return branches.some((branch) => {
      return branch.rm === rm && ['heuristic', 'resolved'].includes(branch.state.is);
    });
  }

  #checkHeuristics(): void {
    const { coordinatorNode, ledger } = this.#simulation;
    for (const { state } of coordinatorNode.coordinator?.transactions.all() ?? []) {
      const fact = ledger.facts.get(state.gid);
      for (const { rm, state: branch } of state.branches) {
        if (branch.is !== 'heuristic' || !fact || ledger.strays.has(fact.gid)) continue;
        const isTrue =
          byHandIn(fact, rm) || fact.restoredIn.includes(rm) || fact.unknownIn.includes(rm);
        if (isTrue || this.#hasLostReceipts()) continue;
        ledger.violate(
          'heuristic',
          `${rm} followed ${state.gid}, and is reported: ${branch.result}`,
        );
      }
    }
  }

  #hasLostReceipts(): boolean {
    return this.#simulation.plan.faults.some(({ kind }) => kind === 'restore-rm');
  }

  /** Rule 14: what began after another's commit was told is placed behind it. */
  #checkOrder(): void {
    const { ledger } = this.#simulation;
    const placed = [...ledger.facts.values()].filter(({ place, gid }) => {
      return place !== undefined && !ledger.strays.has(gid);
    });
    placed.sort((a, b) => {
      const { place: x } = a;
      const { place: y } = b;
      return (x?.epoch ?? 0) - (y?.epoch ?? 0) || (x?.seq ?? 0) - (y?.seq ?? 0);
    });
    let latest: Fact | undefined;
    for (const fact of placed) {
      const toldMs = fact.toldCommittedMs ?? Number.POSITIVE_INFINITY;
      if (latest && toldMs < latest.begunAtMs) {
        ledger.violate(
          'rule 14',
          `${fact.gid} was over before ${latest.gid}, and stands behind it`,
        );
      }
      if (!latest || fact.begunAtMs > latest.begunAtMs) latest = fact;
    }
  }
}
