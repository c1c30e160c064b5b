import { Client as Elasticsearch } from '@elastic/elasticsearch';
import { Client } from '@opensearch-project/opensearch';
import {
  notRemoved,
  search,
  type SearchOptions,
} from '../../../participant-sdk/src/search/index.ts';
import type {
  RunningSearchServer,
  SearchServerName,
} from '../../../examples/support/search-server.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

/** Each server with the client that its makers offer; both clients are good to operate either. */
export const searchClients = { opensearch: Client, elasticsearch: Elasticsearch };

/** Resources on a running server, each with a client of its own, and an operator's beside. */
export class SearchFixture {
  readonly coordinator = new TestCoordinator();
  readonly operator: Client;
  readonly #clients: { close(): Promise<void> }[] = [];
  readonly #name: SearchServerName;
  readonly #node: string;

  constructor({ name, address }: RunningSearchServer) {
    this.#name = name;
    this.#node = `http://${address}`;
    this.operator = new Client({ node: this.#node });
    this.#clients.push(this.operator);
  }

  async serve(options: Partial<SearchOptions> = {}) {
    const client = new searchClients[this.#name]({ node: this.#node });
    this.#clients.push(client);
    return this.coordinator.serve(search({ rm: 'index', client, ...options }));
  }

  /** Makes an index as the page says, with an alias for readers. */
  async create(index: string, settings = {}, mappings = {}, query = {}): Promise<void> {
    const properties = { n: { type: 'integer' }, unanimous_removed: { type: 'date' } };
    const body = {
      settings: { number_of_replicas: 0, ...settings },
      mappings: { properties, ...mappings },
      aliases: { [`${index}-now`]: { filter: notRemoved } },
    };
    await this.operator.indices.create({ index, body, ...query } as never);
  }

  /** What stands under an id, as it is stored. */
  async get(index: string, id: string): Promise<unknown> {
    const { body } = await this.operator.get({ index, id }, { ignore: [404] });
    const { _source: source } = body;
    return source;
  }

  /** What a reader finds now, through the alias. */
  async find(index: string): Promise<unknown[]> {
    const { body } = await this.operator.search({ index: `${index}-now` });
    return body.hits.hits.map(({ _source }) => _source);
  }

  async set(index: string, settings: object): Promise<void> {
    await this.operator.indices.putSettings({ index, body: settings });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}
