import { unroutable, searchError } from './search-error.ts';

/** A request as the transports of both clients take it. */
export interface SearchRequest {
  readonly method: string;
  readonly path: string;
  readonly querystring?: Record<string, string>;
  readonly body?: Record<string, unknown>;
  /** Lines of JSON. */
  readonly bulkBody?: string;
}

/** How long the client waits, and that it does not repeat by itself. */
export interface SearchRequestOptions {
  readonly requestTimeout: number;
  readonly maxRetries: number;
}

/**
 * What the resource uses of a client of OpenSearch (`@opensearch-project/opensearch`) or
 * Elasticsearch (`@elastic/elasticsearch`). Handed in by the user, so that the SDK imports no driver.
 */
export interface SearchClient {
  readonly transport: {
    request(request: SearchRequest, options: SearchRequestOptions): PromiseLike<unknown>;
  };
}

/** The server behind a client, with errors that say what to do. */
export class SearchServer {
  readonly #rm: string;
  readonly #client: SearchClient;

  constructor(rm: string, client: SearchClient) {
    this.#rm = rm;
    this.#client = client;
  }

  /**
   * Sends a request, once, and gives the body of the answer.
   * @throws UnanimousError `rm-unavailable`, or `unroutable` when the index is missing.
   */
  async send(request: SearchRequest, timeoutMs: number): Promise<unknown> {
    const options = { requestTimeout: timeoutMs, maxRetries: 0 };
    try {
      return bodyOf(await this.#client.transport.request(request, options));
    } catch (error) {
      throw searchError(this.#rm, `${request.method} ${request.path}`, error);
    }
  }

  /** @throws UnanimousError `unroutable` when the index is missing, and as `send`. */
  async mustHave(index: string, timeoutMs: number): Promise<void> {
    const path = `/${encodeURIComponent(index)}`;
    if ((await this.send({ method: 'HEAD', path }, timeoutMs)) !== false) return;
    throw unroutable(this.#rm, index);
  }
}

/** OpenSearch's client wraps the body; Elastic's, since its version 8, gives it as it is. */
function bodyOf(answer: unknown): unknown {
  const isWrapped =
    typeof answer === 'object' && answer !== null && 'body' in answer && 'statusCode' in answer;
  return isWrapped ? answer.body : answer;
}
