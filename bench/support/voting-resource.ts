import type {
  Finished,
  OpenBranch,
  PrepareResult,
  ReadyResult,
  Resource,
  ResourceHost,
  RmIdentity,
} from '@unanimous/participant-sdk';

const committed: Finished = { result: 'committed' };

/** A resource that keeps nothing: it votes yes, and has committed as soon as it is told to. */
export class VotingResource implements Resource {
  readonly kind = 'native';
  readonly canOnePhase = false;
  readonly rm: string;
  readonly #branch: VotingBranch;
  #host: ResourceHost | undefined;

  /** `payloadBytes`: how much its yes vote carries. */
  constructor(rm: string, payloadBytes = 0) {
    this.rm = rm;
    const redo = new Uint8Array(payloadBytes).fill(7);
    this.#branch = new VotingBranch({ vote: 'yes', receipt: '', redo });
  }

  /** Takes part in the current transaction. */
  async write(): Promise<void> {
    await this.#host?.branch(() => this.#branch);
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  open(): Promise<RmIdentity> {
    return Promise.resolve({ identity: `voting:${this.rm}`, incarnation: '1' });
  }

  scan(): Promise<[]> {
    return Promise.resolve([]);
  }

  remembered(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  remember(): Promise<void> {
    return Promise.resolve();
  }

  commit(): Promise<Finished> {
    return Promise.resolve(committed);
  }

  abort(): Promise<Finished> {
    return Promise.resolve({ result: 'rolled-back' });
  }

  settle(): Promise<Finished> {
    return Promise.resolve(committed);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** An open branch that has nothing to end. */
class VotingBranch implements OpenBranch {
  readonly #yes: PrepareResult;

  constructor(yes: PrepareResult) {
    this.#yes = yes;
  }

  busy(): undefined {
    return undefined;
  }

  prepare(): Promise<PrepareResult> {
    return Promise.resolve(this.#yes);
  }

  ready(): Promise<ReadyResult> {
    return Promise.resolve({ vote: 'ready', receipt: '' });
  }

  commitOnePhase(): Promise<Finished> {
    return Promise.resolve(committed);
  }

  rollback(): Promise<void> {
    return Promise.resolve();
  }
}
