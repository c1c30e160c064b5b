import type { MemoryDisk } from '../../coordinator/src/log/memory-log.ts';
import type { Simulation } from './simulation.ts';

/** A backup of the coordinator's log, and what happens when somebody puts it in the log's place. */
export class RestoredLog {
  readonly #simulation: Simulation;
  #backup: MemoryDisk | undefined;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  takeBackup(): void {
    this.#backup = this.#simulation.coordinatorNode.backup();
  }

  /**
   * Rule 17: a log that lacks what a database has seen of it says so and stops. Answers once the
   * right log is back; the caller waits until everything has come to its end again.
   */
  async putBack(patienceMs: number): Promise<void> {
    const { clock, ledger, databases, services, tell } = this.#simulation;
    const { coordinatorNode: node } = this.#simulation;
    const backup = this.#backup;
    if (!backup) return;
    const hasSeenMore = databases.some((database) => {
      const seen = database.tables.position(backup.logId);
      return seen !== undefined && seen.seq > backup.end.seq;
    });
    if (!hasSeenMore) return;
    const { disk } = node;
    tell?.("an old backup of the coordinator's log is put in its place");
    const replacedAtMs = clock.nowMs;
    node.isHeld = true;
    node.replaceLog(backup);
    const isNoticed = () => node.lastFailure?.code === 'log-restored';
    await clock.runUntil(clock.nowMs + patienceMs, isNoticed);
    if (!isNoticed()) return ledger.violate('rule 17', 'nobody notices that the log was restored');
    // Who has seen the wrong log's positions would take the right one for a restored one.
    for (const database of databases) database.tables.forgetPositionsSince(replacedAtMs);
    for (const { service } of services) service?.process.kill();
    node.isHeld = false;
    node.replaceLog(disk);
  }
}
