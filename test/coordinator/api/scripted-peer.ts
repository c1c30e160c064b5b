import { randomUUID } from 'node:crypto';
import { type Client, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js';
import { contract, plain, type Wire } from './contract-client.ts';

/** What a peer answers in a transaction; each may be replaced. */
export interface Script {
  /** Answers a prepare; undefined: keeps silent. */
  vote(prepare: Wire): object | undefined;
  /** Answers a commit or apply; undefined: keeps silent. */
  result(commit: Wire): string | undefined;
}

interface SessionMethod {
  session(): ClientDuplexStream<Wire, Wire>;
}

/** A resource manager that takes work and keeps it as its redo, as a queue does. */
const queueLike: Script = {
  vote: ({ work }) => ({ kind: 'YES', receipt: 'receipt', redo: work, incarnation: 'i1' }),
  result: () => 'COMMITTED',
};

/**
 * A participant written against the contract alone: it says hello, serves resource managers and
 * follows its script.
 */
export class ScriptedPeer {
  readonly client: Client;
  readonly stream: ClientDuplexStream<Wire, Wire>;
  /** All frames that arrived. */
  readonly frames: Wire[] = [];
  /** Payloads that were applied, as text. */
  readonly applied: string[] = [];
  instance = '';
  /** How the stream ended. */
  readonly ended: Promise<StatusObject>;
  readonly #script: Script;
  #ref = 0;

  constructor(address: string, script: Partial<Script> = {}, credentials = plain) {
    this.#script = { ...queueLike, ...script };
    this.client = new contract.Coordinator(address, credentials, {
      'grpc.enable_http_proxy': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
    });
    this.stream = (this.client as unknown as SessionMethod).session();
    this.stream.on('error', () => {});
    this.stream.on('data', (frame: Wire) => this.#take(frame));
    this.ended = new Promise((resolve) => this.stream.once('status', resolve));
  }

  /** Connects and says hello. */
  static async open(address: string, script?: Partial<Script>, credentials = plain) {
    const peer = new ScriptedPeer(address, script, credentials);
    peer.hello();
    await peer.hears('welcome', (welcome) => welcome);
    return peer;
  }

  hello(changes: object = {}): void {
    this.instance = `peer-${randomUUID()}`;
    const about = { instance: this.instance, service: 'orders', sdk: 'script/1' };
    this.send({ hello: { protocolMin: 1, protocolMax: 1, ...about, ...changes } });
  }

  send(frame: object): void {
    this.stream.write(frame);
  }

  /** Serves a resource manager; answers when the coordinator has taken it. */
  async serve(rm: string, changes: object = {}): Promise<void> {
    const ref = ++this.#ref;
    const kind = { kind: 'LOGGED', takesWork: true, identity: `queue:${rm}`, incarnation: 'i1' };
    this.send({ serves: [{ ref, rm, ...kind, ...changes }] });
    await this.hears('served', (served) => served.find((s: Wire) => s.ref === ref));
  }

  /** Waits for a frame whose field satisfies a look at it, those that came before included. */
  async hears(field: string, look: (value: Wire) => unknown): Promise<Wire> {
    for (;;) {
      for (const frame of this.frames) {
        const found = frame[field] && look(frame[field]);
        if (found) return found;
      }
      await new Promise<void>((resolve, reject) => {
        const onEnd = (status: StatusObject) => reject(new Error(`ended: ${status.details}`));
        this.stream.once('status', onEnd);
        this.stream.once('data', () => {
          this.stream.off('status', onEnd);
          resolve();
        });
      });
    }
  }

  close(): void {
    this.stream.cancel();
    this.client.close();
  }

  #take(frame: Wire): void {
    this.frames.push(frame);
    for (const commit of frame.commits) this.#commit(commit);
    for (const { gid, branch, rm } of frame.aborts)
      this.#acknowledge({ gid, branch, rm }, 'ROLLED_BACK');
    for (const prepare of frame.prepares) {
      const { gid, branch } = prepare;
      const vote = this.#script.vote(prepare);
      if (vote) this.send({ votes: [{ gid, branch, ...vote }] });
    }
  }

  #commit(commit: Wire): void {
    const { gid, branch, rm, redo } = commit;
    const result = this.#script.result(commit);
    if (result === 'COMMITTED') this.applied.push(Buffer.from(redo).toString());
    if (result) this.#acknowledge({ gid, branch, rm }, result);
  }

  #acknowledge(about: object, result: string): void {
    this.send({ acknowledgements: [{ ...about, result }] });
  }
}
