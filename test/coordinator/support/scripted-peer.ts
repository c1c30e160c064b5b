import { type CoordinatorFrame, newPeerFrame, type PeerFrame } from '@unanimous/proto';
import type { EmbeddedConnection, EmbeddedListener } from '../../../coordinator/src/embedded.ts';

type Repeated =
  | 'reserved'
  | 'served'
  | 'commits'
  | 'aborts'
  | 'verdicts'
  | 'enlisted'
  | 'begun'
  | 'prepares';
type ListKey = Repeated | 'outcomes' | 'refusals';
type Message<K extends ListKey> = CoordinatorFrame[K][number];

/** A peer that says what a test tells it to, and hands over what it hears, message by message. */
export class ScriptedPeer {
  readonly heard: CoordinatorFrame[] = [];
  closedWith: Error | undefined;
  isClosed = false;
  readonly #connection: EmbeddedConnection;
  #wake: () => void = () => {};
  #ref = 0;

  constructor(connect: (listener: EmbeddedListener) => EmbeddedConnection) {
    this.#connection = connect({
      frame: (frame) => {
        this.heard.push(structuredClone(frame));
        this.#wake();
      },
      closed: (error) => {
        this.isClosed = true;
        this.closedWith = error;
        this.#wake();
      },
    });
  }

  /** A number for a request. */
  nextRef(): number {
    this.#ref += 1;
    return this.#ref;
  }

  /** Sends messages as one frame. */
  say(messages: Partial<PeerFrame>): void {
    this.#connection.write({ ...newPeerFrame(), ...messages });
  }

  /** Ends the stream, as a killed process does. */
  die(): void {
    this.#connection.close();
  }

  /** The first message of a kind that matches and was not taken yet; waits for it. */
  async take<K extends ListKey>(
    kind: K,
    matches: (message: Message<K>) => boolean = () => true,
  ): Promise<Message<K>> {
    const untilMs = performance.now() + 5_000;
    for (;;) {
      for (const frame of this.heard) {
        const list = frame[kind] as Message<K>[];
        const index = list.findIndex(matches);
        const [message] = index === -1 ? [] : list.splice(index, 1);
        if (message !== undefined) return message;
      }
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) throw new Error(`no ${kind} came; heard ${JSON.stringify(this.heard)}`);
      await this.#news(leftMs);
    }
  }

  /** Waits until the coordinator has ended the stream. */
  async closed(): Promise<Error | undefined> {
    while (!this.isClosed) await this.#news(5_000);
    return this.closedWith;
  }

  /** Introduces itself. */
  hello(instance = 'peer-1'): void {
    const hello = {
      protocolMin: 1,
      protocolMax: 1,
      instance,
      service: 'test',
      sdk: '',
      seen: null,
    };
    this.say({ hello });
  }

  /** Serves a resource manager, and waits until it may. */
  async serve(rm: string, kind: 'NATIVE' | 'LOGGED' = 'NATIVE', identity = rm): Promise<void> {
    const ref = this.nextRef();
    const serve = { ref, rm, identity, incarnation: 'i1', kind, seen: null, takesWork: true };
    this.say({ serves: [serve] });
    await this.take('served', (message) => message.ref === ref);
  }

  /** Begins a transaction. */
  async begin(timeoutMs = 5_000): Promise<string> {
    const ref = this.nextRef();
    this.say({ begins: [{ ref, timeoutMs, name: 'test', gid: '', branches: [] }] });
    return (await this.take('begun', (message) => message.ref === ref)).gid;
  }

  /** Enlists a branch of a resource manager that it serves. */
  async enlist(gid: string, rm: string, canOnePhase = false): Promise<number> {
    const ref = this.nextRef();
    this.say({ enlists: [{ ref, gid, rm, canOnePhase }] });
    return (await this.take('enlisted', (message) => message.ref === ref)).branch;
  }

  /** Votes yes. */
  yes(gid: string, branch: number, redo = ''): void {
    this.vote(gid, branch, { kind: 'YES', receipt: `receipt-${branch}`, redo: Buffer.from(redo) });
  }

  /** Votes. */
  vote(gid: string, branch: number, vote: Partial<PeerFrame['votes'][number]>): void {
    const nothing = { receipt: '', redo: Buffer.alloc(0), reason: null, incarnation: 'i1' };
    this.say({ votes: [{ kind: 'NO', ...nothing, ...vote, gid, branch }] });
  }

  /** Acknowledges a branch of phase two. */
  acknowledge(
    branch: { gid: string; branch: number; rm: string },
    result: PeerFrame['acknowledgements'][number]['result'] = 'COMMITTED',
  ): void {
    const { gid, branch: number, rm } = branch;
    this.say({ acknowledgements: [{ gid, branch: number, rm, result, reason: null }] });
  }

  /** Asks for the commit; the answer comes as an outcome with the returned ref. */
  commit(gid: string, waitAppliedMs = 2_000): number {
    const ref = this.nextRef();
    this.say({ commits: [{ ref, gid, waitAppliedMs }] });
    return ref;
  }

  /** Asks what became of a transaction. */
  async ask(gid: string): Promise<Message<'outcomes'>> {
    const ref = this.nextRef();
    this.say({ asks: [{ ref, gid }] });
    return this.take('outcomes', (message) => message.ref === ref);
  }

  async #news(withinMs: number): Promise<void> {
    const { promise, resolve } = withResolvers();
    this.#wake = resolve;
    const timer = setTimeout(resolve, withinMs);
    await promise;
    clearTimeout(timer);
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
