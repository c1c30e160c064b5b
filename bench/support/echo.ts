import { credentials } from '@grpc/grpc-js';
import {
  boundsOfPeerFrame,
  type CoordinatorFrame,
  CoordinatorServiceClient,
  FrameWriter,
  newPeerFrame,
  type PeerFrame,
  type WholeBranch,
} from '@unanimous/proto';
import { fileURLToPath } from 'node:url';
import { NodeProcess } from '../../test/integration/support/node-process.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { cpuTimeOf } from './cpu-time.ts';
import { echoedBranches } from './echoed-branches.ts';

/** What waits for the answer to a request, by the request's number. */
type Answered = (message: { readonly gid?: string }) => void;

const votes: WholeBranch[] = echoedBranches.map(({ rm }) => ({
  ...{ rm, canOnePhase: false, kind: 'YES', receipt: '', redo: Buffer.alloc(0), reason: null },
  incarnation: '1',
}));

/**
 * The floor under the protocol: a process that answers as a coordinator would in the best case, and
 * a peer that says what client and participants would say, with next to nothing behind it.
 */
export class Echo implements AsyncDisposable {
  readonly #process: NodeProcess;
  readonly #writer: FrameWriter<PeerFrame>;
  readonly #end: () => void;
  readonly #answers = new Map<number, Answered>();
  #ref = 0;
  #counter = 0;

  private constructor(echo: NodeProcess, address: string) {
    this.#process = echo;
    const client = new CoordinatorServiceClient(address, credentials.createInsecure());
    const call = client.session();
    this.#writer = new FrameWriter<PeerFrame>({
      newFrame: newPeerFrame,
      bounds: boundsOfPeerFrame,
      write: (frame) => call.write(frame),
      onOverflow: () => call.cancel(),
    });
    call.on('drain', () => this.#writer.drained());
    call.on('error', () => {});
    call.on('data', (frame: CoordinatorFrame) => this.#receive(frame));
    this.#end = () => {
      call.cancel();
      client.close();
    };
  }

  static async start(): Promise<Echo> {
    const folder = tempDir('unanimous-bench-');
    const echo = new NodeProcess({
      name: 'the echo',
      args: ['--import', 'tsx', fileURLToPath(new URL('./echo-process.ts', import.meta.url))],
      env: {},
      readyLine: 'echo ready',
      logFile: folder.file('echo.log'),
    });
    await echo.start();
    folder.remove();
    return new Echo(echo, echo.readyLine.split(' ').at(-1) ?? '');
  }

  /** All messages of a transaction with two branches. */
  async transaction(): Promise<void> {
    this.#counter += 1;
    const gid = `0123456789ab-1-${this.#counter}`;
    const rest = { remainingMs: 10_000, name: '', waitAppliedMs: 10_000, branches: votes };
    await this.#ask((ref) => this.#writer.add('wholes', { ref, gid, ...rest }));
  }

  /** One message there, one back. */
  async roundTrip(): Promise<void> {
    await this.#ask((ref) =>
      this.#writer.add('begins', { ref, timeoutMs: 10_000, name: '', gid: '', branches: [] }),
    );
  }

  /** CPU time of this process and the echo while `work` runs, in microseconds. */
  cpuUsOf(work: () => Promise<void>): Promise<number> {
    return cpuTimeOf(work, this.#process.pid);
  }

  #ask(send: (ref: number) => void): Promise<{ readonly gid?: string }> {
    return new Promise((resolve) => {
      this.#ref += 1;
      this.#answers.set(this.#ref, resolve);
      send(this.#ref);
    });
  }

  #receive(frame: CoordinatorFrame): void {
    for (const { gid, branch, rm } of frame.commits) {
      this.#writer.add('acknowledgements', { gid, branch, rm, result: 'COMMITTED', reason: null });
    }
    for (const message of frame.begun) this.#answer(message.ref, message);
    for (const message of frame.outcomes) this.#answer(message.ref, message);
  }

  #answer(ref: number, message: { readonly gid?: string }): void {
    this.#answers.get(ref)?.(message);
    this.#answers.delete(ref);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#process[Symbol.asyncDispose]();
  }
}
