import type { OpenBranch, Resource, ResourceHost } from '@unanimous/participant-sdk';

/** A resource that keeps nothing: it votes yes, and has committed as soon as it is told to. */
export class VotingResource implements Resource {
  readonly kind = 'native';
  readonly canOnePhase = false;
  readonly rm: string;
  readonly #redo: Uint8Array;
  #host: ResourceHost | undefined;

  /** `payloadBytes`: how much its yes vote carries. */
  constructor(rm: string, payloadBytes = 0) {
    this.rm = rm;
    this.#redo = new Uint8Array(payloadBytes).fill(7);
  }

  /** Takes part in the current transaction. */
  async write(): Promise<void> {
    await this.#host?.branch(() => this.#branch());
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  open = () => Promise.resolve({ identity: `voting:${this.rm}`, incarnation: '1' });
  scan = () => Promise.resolve([]);
  remembered = () => Promise.resolve(undefined);
  remember = () => Promise.resolve();
  commit = () => Promise.resolve({ result: 'committed' } as const);
  abort = () => Promise.resolve({ result: 'rolled-back' } as const);
  settle = () => Promise.resolve({ result: 'committed' } as const);
  close = () => Promise.resolve();

  #branch(): OpenBranch {
    return {
      busy: () => undefined,
      prepare: () => Promise.resolve({ vote: 'yes', receipt: '', redo: this.#redo }),
      ready: () => Promise.resolve({ vote: 'ready', receipt: '' }),
      commitOnePhase: () => Promise.resolve({ result: 'committed' }),
      rollback: () => Promise.resolve(),
    };
  }
}
