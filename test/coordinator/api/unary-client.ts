import { type Client, type ClientUnaryCall, Metadata } from '@grpc/grpc-js';
import { call, contract, plain, type Wire } from './contract-client.ts';

const options = { 'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1 };

/** The unary API and the admin API, written against the contract alone. */
export class UnaryClient {
  readonly #coordinator: Client;
  readonly #admin: Client;
  readonly #metadata: Metadata;

  constructor(address: string, metadata: Record<string, string> = {}, credentials = plain) {
    this.#coordinator = new contract.Coordinator(address, credentials, options);
    this.#admin = new contract.Admin(address, credentials, options);
    this.#metadata = new Metadata();
    for (const [key, value] of Object.entries(metadata)) this.#metadata.set(key, value);
  }

  begin(request: object = {}): Promise<Wire> {
    return call(this.#coordinator, 'begin', request, this.#metadata);
  }

  /** Hands a message over to a resource manager that takes work. */
  enlist({ gid, owner }: Wire, rm: string, work: string | Buffer): Promise<Wire> {
    const request = { gid, owner, rm, work: Buffer.from(work) };
    return call(this.#coordinator, 'enlist', request, this.#metadata);
  }

  commit({ gid, owner }: Wire, waitAppliedMs = 5_000, started?: (call: ClientUnaryCall) => void) {
    const request = { gid, owner, waitAppliedMs };
    return call(this.#coordinator, 'commit', request, this.#metadata, started);
  }

  abort({ gid, owner }: Wire, reason = ''): Promise<Wire> {
    return call(this.#coordinator, 'abort', { gid, owner, reason }, this.#metadata);
  }

  get(gid: string): Promise<Wire> {
    return call(this.#coordinator, 'get', { gid }, this.#metadata);
  }

  /** A method of the admin API. */
  admin(method: string, request: object = {}): Promise<Wire> {
    return call(this.#admin, method, request, this.#metadata);
  }

  close(): void {
    this.#coordinator.close();
    this.#admin.close();
  }
}

/** Status, and code from the trailers, of a call that must fail. */
export async function refusal(promise: Promise<Wire>): Promise<{
  status: number;
  code: string;
  hint: string;
  message: string;
}> {
  try {
    const reply = await promise;
    throw new TypeError(`was answered: ${JSON.stringify(reply)}`);
  } catch (error) {
    if (error instanceof TypeError) throw error;
    const { code: status, metadata, details } = error as Wire;
    const read = (key: string) => decodeURIComponent(String(metadata.get(key)[0] ?? ''));
    return {
      status,
      code: read('unanimous-code'),
      hint: read('unanimous-hint'),
      message: details,
    };
  }
}
