import type { CoordinatorFrame } from '@unanimous/proto';
import type { MemoryDisk } from '../../coordinator/src/log/memory-log.ts';
import type { SimDatabase } from './sim-database.ts';
import type { SimProcess } from './sim-process.ts';
import type { Simulation } from './simulation.ts';

/** How long the old log may run unnoticed, before people see their mistake themselves. */
const unnoticedMs = 2_000;

/** Longest time that a statement of a dead process may still land. */
const lateMs = 5_000;

/**
 * In mid-run somebody puts a backup in the place of the coordinator's log. Whoever has seen more is
 * told nothing by it; the first of them stops it. What it says to others is wrong, and they must be
 * looked after by hand (docs/operations.md): transactions that it has spoken of are left out of the
 * checks. Then the true log is put back, and everything else must still be right.
 */
export class OldLog {
  /** From the moment when the backup is in place until the true log is back. */
  isBusy = false;
  /** The coordinator is down, and whatever the true log has sent may still arrive. */
  #isWaiting = false;
  readonly #simulation: Simulation;
  #backup: MemoryDisk | undefined;
  #trueDisk: MemoryDisk | undefined;
  #sinceMs = 0;
  /** Since the old log has heard from somebody who has seen more, it says nothing to anybody. */
  readonly #seen = new Map<SimProcess, number>();
  readonly #databases = new Set<SimDatabase>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  schedule(): void {
    const { clock, coordinatorNode, plan } = this.#simulation;
    const { oldLog } = plan.world;
    if (!oldLog) return;
    const [backupAtMs, replaceAtMs] = oldLog;
    clock.after(backupAtMs, () => {
      this.#backup = coordinatorNode.backup();
    });
    clock.after(replaceAtMs, () => this.#replace());
  }

  /** A frame with commits carries the position that its receiver has seen from now on. */
  arrived({ position, commits }: CoordinatorFrame, to: SimProcess): void {
    if (!position || commits.length === 0) return;
    if (this.isBusy && !this.#isWaiting) return;
    this.#seen.set(to, Math.max(this.#seen.get(to) ?? 0, position.seq));
  }

  /** What the old log says: to nobody who has seen more, and else on its own account. */
  spoken(frame: CoordinatorFrame, to: SimProcess, from: SimProcess): void {
    const { ledger, databases, marks } = this.#simulation;
    if (from !== this.#simulation.coordinatorNode.process) return;
    const { commits, aborts, verdicts, begun, prepares, served, enlisted } = frame;
    const answered = frame.outcomes.filter(({ kind }) => kind !== 'OUTCOME_UNKNOWN');
    const orders = [...commits, ...aborts, ...prepares, ...answered, ...begun];
    const judged = verdicts.filter(({ kind }) => kind !== 'VERDICT_WAIT');
    for (const { gid } of [...orders, ...judged]) ledger.strays.add(gid);
    if (this.#hasSeenMore(to) && orders.length + judged.length + enlisted.length > 0) {
      ledger.violate('rule 17', `a restored log answers ${to.name}, who has seen more`);
    }
    for (const { rm } of served) {
      const database = databases.find((one) => one.rm === rm);
      if (!database || !this.#databases.has(database)) continue;
      // It may have gone back in time meanwhile, behind what it had seen.
      const seen = this.#backup && database.tables.position(this.#backup.logId, this.#sinceMs);
      if (!seen || seen.seq <= this.#end) continue;
      ledger.violate('rule 17', `a restored log serves ${rm}, which has seen more`);
    }
    if (orders.length > 0) marks.hit('log.restored-spoke');
  }

  #hasSeenMore(process: SimProcess): boolean {
    return (this.#seen.get(process) ?? 0) > this.#end;
  }

  get #end(): number {
    return this.#backup?.end.seq ?? 0;
  }

  #replace(): void {
    const { coordinatorNode: node, clock, tell } = this.#simulation;
    const backup = this.#backup;
    if (!backup) return;
    this.#lookForSeen(backup);
    if (this.#databases.size === 0 && this.#canLose(backup)) return this.#lose(backup);
    if (!this.#isSeen) return; // nobody would notice
    tell?.("an old backup of the coordinator's log is put in its place, in mid-run");
    this.isBusy = true;
    this.#sinceMs = clock.nowMs;
    this.#trueDisk = node.disk;
    node.isHeld = true;
    node.replaceLog(backup);
    this.#watch(clock.nowMs + unnoticedMs);
  }

  /** Somebody alive, or a database, has seen what the backup lacks. */
  get #isSeen(): boolean {
    const { services } = this.#simulation;
    const isAlive = services.some(({ service }) => service && this.#hasSeenMore(service.process));
    return isAlive || this.#databases.size > 0;
  }

  #lookForSeen(backup: MemoryDisk): void {
    for (const database of this.#simulation.databases) {
      const seen = database.tables.position(backup.logId);
      if (seen && seen.seq > this.#end) this.#databases.add(database);
    }
  }

  /**
   * A power cut ends everybody, the true log is lost, and no database has seen what the backup lacks:
   * that stays for good. Decisions that it lacks are lost (docs/operations.md), and everything else
   * must be right.
   */
  #lose(backup: MemoryDisk): void {
    const { coordinatorNode: node, clock, services, tell } = this.#simulation;
    tell?.("a power cut ends everybody, and the coordinator's log is lost");
    this.isBusy = true;
    this.#isWaiting = true;
    node.isHeld = true;
    node.process?.kill();
    for (const { service } of services) service?.process.kill();
    clock.after(lateMs, () => this.#stay(backup));
  }

  /**
   * After a restart both logs would give the same gids; and of what the true log has forgotten nobody
   * here knows any more that it is lost.
   */
  #canLose(backup: MemoryDisk): boolean {
    const { disk } = this.#simulation.coordinatorNode;
    const lacks = disk.entries.filter(({ seq }) => seq > backup.end.seq);
    const isWhole = lacks.length === disk.end.seq - backup.end.seq;
    return isWhole && disk.epochs.size === backup.epochs.size;
  }

  #stay(backup: MemoryDisk): void {
    const { coordinatorNode: node, ledger, marks, tell } = this.#simulation;
    node.isHeld = false;
    this.isBusy = false;
    this.#isWaiting = false;
    this.#lookForSeen(backup);
    if (this.#isSeen) return node.start(); // by a late statement: the true log is found again
    tell?.('an old backup is put in its place, and stays');
    for (const { record, seq } of node.disk.entries) {
      if (seq <= backup.end.seq || !('gid' in record)) continue;
      if (record.kind === 'commit-decided') marks.hit('log.restored-unnoticed');
      ledger.strays.add(record.gid);
    }
    node.replaceLog(backup);
  }

  #watch(untilMs: number): void {
    const { clock, coordinatorNode: node, marks } = this.#simulation;
    if (node.lastFailure?.code === 'log-restored') marks.hit('log.restored-in-mid-run');
    else if (clock.nowMs < untilMs) return void clock.after(1, () => this.#watch(untilMs));
    this.#stopAll();
  }

  /** The coordinator and all services are stopped, until none of their statements may come. */
  #stopAll(): void {
    const { clock, coordinatorNode: node, services, tell } = this.#simulation;
    tell?.('people stop the coordinator and all services');
    node.isHeld = true;
    node.process?.kill();
    for (const service of services) service.hold();
    clock.after(lateMs, () => this.#putBack());
  }

  #putBack(): void {
    const { coordinatorNode: node, databases, services, tell } = this.#simulation;
    const decided = new Set<string>();
    for (const { record } of this.#backup?.entries ?? []) {
      if (record.kind === 'commit-decided') decided.add(record.gid);
    }
    for (const database of databases) {
      database.endPreparedSince(this.#sinceMs, (gid) => decided.has(gid));
      database.tables.forgetSince(this.#sinceMs, this.#simulation.ledger.strays);
    }
    tell?.("the coordinator's log is put back");
    node.isHeld = false;
    if (this.#trueDisk) node.replaceLog(this.#trueDisk);
    for (const service of services) service.release();
    this.isBusy = false;
    this.#seen.clear();
  }
}
