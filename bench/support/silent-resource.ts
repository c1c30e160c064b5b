import type { OpenBranch, Resource, ResourceHost } from '@unanimous/participant-sdk';

/** A participant that does not vote until it is rolled back: the others have prepared meanwhile. */
export class SilentResource implements Resource {
  readonly kind = 'native';
  readonly canOnePhase = false;
  readonly rm: string;
  #host: ResourceHost | undefined;

  constructor(rm: string) {
    this.rm = rm;
  }

  /** Takes part in the current transaction. */
  async write(): Promise<void> {
    await this.#host?.branch(() => this.#branch());
  }

  attach(host: ResourceHost): void {
    this.#host = host;
  }

  open = () => Promise.resolve({ identity: `silent:${this.rm}`, incarnation: '1' });
  scan = () => Promise.resolve([]);
  remembered = () => Promise.resolve(undefined);
  remember = () => Promise.resolve();
  commit = () => Promise.resolve({ result: 'committed' } as const);
  abort = () => Promise.resolve({ result: 'rolled-back' } as const);
  settle = () => Promise.resolve({ result: 'rolled-back' } as const);
  close = () => Promise.resolve();

  #branch(): OpenBranch {
    let refuse = () => {};
    const vote = new Promise<never>((_, reject) => {
      refuse = () => reject(new Error('rolled back'));
    });
    vote.catch(() => {}); // nobody may have asked for it
    return {
      busy: () => undefined,
      prepare: () => vote,
      ready: () => Promise.resolve({ vote: 'ready', receipt: '' }),
      commitOnePhase: () => Promise.resolve({ result: 'committed' }),
      rollback: async () => refuse(),
    };
  }
}
