import type { Gid } from '@unanimous/proto';
import type { Incarnation, LogEntry } from '../../coordinator/src/log/decision-log.ts';
import type { PlannedCrash } from '../../coordinator/src/log/sqlite/crash-points.ts';
import { SqliteDecisionLog } from '../../coordinator/src/log/sqlite/sqlite-decision-log.ts';
import { entriesOf } from '../coordinator/log/decision-log-contract.ts';
import { gidOf } from '../coordinator/log/log-records.ts';
import { copyCrashed } from '../coordinator/log/sqlite/log-image.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';

/** The real log on the real disk, that can be closed, crashed and started again. */
export class RealLog {
  readonly #dir: TempDir = tempDir('unanimous-log-');
  readonly #left: SqliteDecisionLog[] = [];
  #folder = this.#dir.file('log-0');
  #copies = 0;
  #log: SqliteDecisionLog | undefined;
  #incarnation: Incarnation | undefined;

  get log(): SqliteDecisionLog {
    if (!this.#log) throw new Error('the log is not open');
    return this.#log;
  }

  get incarnation(): Incarnation {
    if (!this.#incarnation) throw new Error('the log is not active');
    return this.#incarnation;
  }

  gid(counter: number): Gid {
    return gidOf(this.incarnation.logId, this.incarnation.epoch, counter);
  }

  /** All that it holds. What is lazy is written first. */
  entries(): Promise<LogEntry[]> {
    return entriesOf(this.log);
  }

  /** Starts an incarnation; with a plan, the engine stops there. */
  async start(crash?: PlannedCrash): Promise<void> {
    this.#log = new SqliteDecisionLog({ dir: this.#folder, ...(crash && { crash }) });
    await this.#log.open();
    this.#incarnation = await this.#log.becomeActive({ name: 'property', address: '' });
  }

  /** Closes in order. */
  async stop(): Promise<void> {
    await this.#log?.close();
  }

  /**
   * Goes on from the files as they stand, like another process after kill -9. The one that wrote
   * them lives on elsewhere, seen by nobody. Nothing may be in flight.
   */
  crash(): SqliteDecisionLog {
    const old = this.log;
    const copy = this.#dir.file(`log-${(this.#copies += 1)}`);
    copyCrashed(this.#folder, copy);
    this.#folder = copy;
    this.#left.push(old);
    this.#log = undefined;
    return old;
  }

  async remove(): Promise<void> {
    await Promise.all([this.stop(), ...this.#left.map((log) => log.close())]);
    this.#dir.remove();
  }
}
