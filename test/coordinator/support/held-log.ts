import type { LogId } from '@unanimous/proto';
import { MemoryDecisionLog, newMemoryDisk } from '../../../coordinator/src/log/memory-log.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** A log in memory whose writes wait, or fail, when a test says so. It outlives its coordinators. */
export class HeldLog {
  /** The error of every write from now on. */
  failure: Error | undefined;
  readonly #disk = newMemoryDisk('4f1c9a7be203' as LogId);
  #isHolding = false;
  #held: (() => void)[] = [];
  #epochs = 0;

  /** An engine on the disk, for one coordinator. */
  engine(): MemoryDecisionLog {
    const newNonce = () => String((this.#epochs += 1)).padStart(16, '0');
    const beforeWrite = async (): Promise<void> => {
      if (this.#isHolding) await new Promise<void>((resolve) => this.#held.push(resolve));
      if (this.failure) throw this.failure;
    };
    return new MemoryDecisionLog({ disk: this.#disk, newNonce, beforeWrite });
  }

  /** Writes wait from now on. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Resolves when a write waits. */
  async holding(): Promise<void> {
    await waitUntil(() => this.#held.length > 0, { what: 'a write that waits' });
  }

  /** Lets all writes go on. */
  release(): void {
    this.#isHolding = false;
    for (const goOn of this.#held.splice(0)) goOn();
  }
}
