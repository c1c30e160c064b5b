import { credentials, Metadata } from '@grpc/grpc-js';
import {
  type BeginReply,
  type CoordinatorClient,
  CoordinatorServiceClient,
  type EnlistReply,
  type Outcome,
} from '@unanimous/proto';
import { replyOf } from '../../../examples/support/reply-of.ts';

/** The unary API, as a service in another language calls it. */
export class Unary implements Disposable {
  readonly #client: CoordinatorClient;
  readonly #metadata: Metadata;

  constructor(address: string, metadata: Record<string, string> = {}) {
    this.#client = new CoordinatorServiceClient(address, credentials.createInsecure());
    this.#metadata = Metadata.fromHttp2Headers(metadata);
  }

  /** Begins a transaction. */
  begin(timeoutMs = 10_000): Promise<BeginReply> {
    const request = { timeoutMs, name: 'unary' };
    return replyOf((done) => this.#client.begin(request, this.#metadata, done));
  }

  /** Hands work, as JSON, to whoever serves the resource manager. */
  enlist({ gid, owner }: BeginReply, rm: string, work: unknown): Promise<EnlistReply> {
    const request = { gid, owner, rm, work: Buffer.from(JSON.stringify(work)) };
    return replyOf((done) => this.#client.enlist(request, this.#metadata, done));
  }

  /** Commits. */
  commit({ gid, owner }: Pick<BeginReply, 'gid' | 'owner'>): Promise<Outcome> {
    const request = { gid, owner, waitAppliedMs: 5_000 };
    return replyOf((done) => this.#client.commit(request, this.#metadata, done));
  }

  /** What became of a transaction. */
  outcome(gid: string): Promise<Outcome> {
    return replyOf((done) => this.#client.get({ gid }, this.#metadata, done));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
