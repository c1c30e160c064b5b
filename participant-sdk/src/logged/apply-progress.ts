/** The lasting result of an effect. */
export type Settled = { readonly is: 'applied' } | { readonly is: 'refused'; readonly why: string };

/**
 * Remembers, in memory and for a bounded number of branches, which effects of an unfinished branch
 * are done. So a branch that waits long for one effect does not repeat its others at each try.
 * Losing it costs repeats, never an effect: another instance, or this one restarted, sends all
 * again with the same ids.
 */
export class ApplyProgress {
  readonly #branches = new Map<string, Map<number, Settled>>();
  readonly #maxBranches: number;

  constructor(maxBranches = 1_000) {
    this.#maxBranches = maxBranches;
  }

  /** The results of a branch so far, by index, to be read and added to. */
  of(branch: string): Map<number, Settled> {
    const settled = this.#branches.get(branch) ?? new Map<number, Settled>();
    this.#branches.delete(branch);
    this.#branches.set(branch, settled); // the one tried last is forgotten last
    const [oldest] = this.#branches.keys();
    if (this.#branches.size > this.#maxBranches && oldest) this.#branches.delete(oldest);
    return settled;
  }

  /** The branch is finished. */
  forget(branch: string): void {
    this.#branches.delete(branch);
  }
}
