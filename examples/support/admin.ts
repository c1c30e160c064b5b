import { credentials } from '@grpc/grpc-js';
import {
  type AdminClient,
  AdminServiceClient,
  type ListReply,
  type ResolveRequest,
  type StatusReply,
  type TransactionView,
} from '@unanimous/proto';
import { replyOf } from './reply-of.ts';

/** An operator's view of a running coordinator. */
export class Admin implements Disposable {
  readonly #client: AdminClient;

  constructor(address: string) {
    this.#client = new AdminServiceClient(address, credentials.createInsecure(), {
      // The coordinator is killed and comes back: what waits for it must not wait for this.
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 50,
    });
  }

  /** Transactions in these states; none named: all that are not over. */
  async list(...states: readonly string[]): Promise<TransactionView[]> {
    const request = { states: [...states], limit: 0, after: '' };
    const reply = await replyOf<ListReply>((done) => this.#client.list(request, done));
    return reply.transactions;
  }

  /** One transaction. */
  show(gid: string): Promise<TransactionView> {
    return replyOf((done) => this.#client.show({ gid }, done));
  }

  /** The coordinator itself. */
  status(): Promise<StatusReply> {
    return replyOf((done) => this.#client.status({}, done));
  }

  /** An operator's word on a branch. */
  resolve(request: ResolveRequest): Promise<TransactionView> {
    return replyOf((done) => this.#client.resolve(request, done));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
