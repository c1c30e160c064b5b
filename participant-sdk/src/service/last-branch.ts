import { type BranchId, UnanimousError } from '@unanimous/proto';
import type { Finished, OpenBranch, PrepareResult, ReadyResult } from '../resource.ts';

/** Longest request; the coordinator takes receipts of 4,096 characters. */
const maxLength = 4_000;

/** A last resource's part of one transaction: a call that waits for the permission. */
export class LastBranch implements OpenBranch {
  readonly #id: BranchId;
  readonly #make: (receipt: string) => Promise<Finished>;
  #request: string | undefined;
  #failure: UnanimousError | undefined;
  #hasEnded = false;

  constructor(id: BranchId, make: (receipt: string) => Promise<Finished>) {
    this.#id = id;
    this.#make = make;
  }

  /**
   * Takes the call, as JSON text. One that is refused spoils the vote: a caller who swallows the
   * error must not commit without it.
   */
  stage(text: string): void {
    if (this.#hasEnded) throw this.#error('work-after-end', 'the branch has ended');
    if (this.#request !== undefined) {
      const message = 'a second call: of two the first may be done and the other refused';
      throw (this.#failure ??= this.#error('invalid-argument', message));
    }
    if (text.length > maxLength) {
      const message = `a request of ${text.length} characters; the limit is ${maxLength}`;
      throw (this.#failure ??= this.#error('payload-too-large', message));
    }
    this.#request = text;
  }

  busy(): undefined {
    return undefined; // staging is synchronous
  }

  prepare(): Promise<PrepareResult> {
    const message = 'a last resource cannot prepare; the coordinator is too old to ask it last';
    return Promise.reject(this.#error('unsupported-protocol', message));
  }

  /** The request is the receipt: with it any process can ask what became of the call. */
  async ready(): Promise<ReadyResult> {
    if (this.#hasEnded) throw this.#error('work-after-end', 'the branch has ended');
    this.#hasEnded = true;
    if (this.#failure) throw this.#failure;
    if (this.#request === undefined) return { vote: 'read-only' };
    return { vote: 'ready', receipt: this.#request };
  }

  commitOnePhase(): Promise<Finished> {
    return this.#make(this.#request ?? '');
  }

  async rollback(): Promise<void> {
    this.#hasEnded = true;
  }

  #error(
    code: 'work-after-end' | 'invalid-argument' | 'payload-too-large' | 'unsupported-protocol',
    message: string,
  ) {
    const { rm, gid } = this.#id;
    const hint = { 'invalid-argument': 'Make each call in a transaction of its own.' }[
      code as string
    ];
    return new UnanimousError(code, `${rm}: ${message}`, { rm, gid, ...(hint && { hint }) });
  }
}
