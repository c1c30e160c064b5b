import { UnanimousError } from '@unanimous/proto';
import type { Finished, OpenBranch, PrepareResult, ReadyResult } from '../resource.ts';
import { encodeRedo, redoOverheadBytes } from './redo.ts';

/** What a branch asks of its resource. */
export interface LoggedBranchOptions<E> {
  readonly rm: string;
  readonly maxPayloadBytes: number;
  /** Everything that can be refused is refused here. A throw is a no. */
  check(effects: readonly E[]): Promise<void>;
}

/** A logged resource's part of one transaction: effects that wait in memory for the vote. */
export class LoggedBranch<E> implements OpenBranch {
  readonly #options: LoggedBranchOptions<E>;
  readonly #texts: string[] = [];
  #bytes = redoOverheadBytes;
  #hasEnded = false;
  #isRolledBack = false;
  #failure: UnanimousError | undefined;

  constructor(options: LoggedBranchOptions<E>) {
    this.#options = options;
  }

  /**
   * Adds an effect, given as JSON text. One that is refused here also spoils the vote: a caller
   * who swallows the error must not commit the rest without it.
   * @throws UnanimousError `work-after-end` or `payload-too-large`.
   */
  stage(text: string): void {
    const { rm, maxPayloadBytes } = this.#options;
    this.checkWorking();
    this.#bytes += Buffer.byteLength(text) + 1;
    if (this.#bytes > maxPayloadBytes) {
      const message = `${rm}: ${this.#bytes} bytes of effects; the limit is ${maxPayloadBytes}`;
      throw this.spoil(new UnanimousError('payload-too-large', message, { rm }));
    }
    this.#texts.push(text);
  }

  /** Passes until the branch ends. @throws UnanimousError `work-after-end`. */
  protected checkWorking(): void {
    const { rm } = this.#options;
    if (this.#hasEnded) throw new UnanimousError('work-after-end', 'the branch has ended', { rm });
  }

  /** From now on the branch votes no, with the first such error; gives that. */
  protected spoil(error: UnanimousError): UnanimousError {
    this.#failure ??= error;
    return this.#failure;
  }

  busy(): string | undefined {
    return undefined; // staging is synchronous
  }

  async prepare(): Promise<PrepareResult> {
    this.#hasEnded = true;
    if (this.#failure) throw this.#failure;
    if (this.#texts.length === 0) return { vote: 'read-only' };
    const redo = encodeRedo(this.#texts);
    await this.#options.check(this.#texts.map((text): E => JSON.parse(text)));
    if (this.#isRolledBack) {
      const { rm } = this.#options;
      throw new UnanimousError('work-after-end', 'rolled back while it was checked', { rm });
    }
    return { vote: 'yes', receipt: '', redo };
  }

  ready(): Promise<ReadyResult> {
    return Promise.reject(noOnePhase(this.#options.rm));
  }

  commitOnePhase(): Promise<Finished> {
    return Promise.reject(noOnePhase(this.#options.rm));
  }

  async rollback(): Promise<void> {
    this.#hasEnded = true;
    this.#isRolledBack = true;
    this.#texts.length = 0;
  }
}

function noOnePhase(rm: string): UnanimousError {
  const message = `${rm}: a logged branch commits by its redo payload, never in one phase`;
  return new UnanimousError('internal', message, { rm });
}
