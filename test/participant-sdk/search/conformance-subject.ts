import { Client } from '@opensearch-project/opensearch';
import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { type Search, search } from '@unanimous/participant-sdk/search';
import type { SearchServerName } from '../../../examples/support/search-server.ts';
import { sourceArgv } from '../support/source-argv.ts';
import { searchClients } from './search-fixture.ts';

/** What it is, where the resource connects, and where the reader does. */
export interface SearchTarget {
  readonly server: SearchServerName;
  readonly address: string;
  readonly readerAddress: string;
}

const name = 'conformance';

/** One index, with a document for each key. */
export function conformanceSubject(target: SearchTarget): ConformanceSubject<Search> {
  const at = (address: string) => ({ node: `http://${address || 'localhost'}`, maxRetries: 0 });
  const reader = new Client(at(target.readerAddress));
  const clients: { close(): Promise<void> }[] = [reader];
  return {
    kind: 'logged',
    async make(rm) {
      const properties = { unanimous_removed: { type: 'date' } } as const;
      const settings = { number_of_replicas: 0 };
      const body = { settings, mappings: { properties } };
      await reader.indices.create({ index: name, body }, { ignore: [400] }); // it may be there
      const client = new searchClients[target.server](at(target.address));
      clients.push(client);
      return search({ rm, client, confirmTimeoutMs: 1_000 });
    },
    write: (resource, key, text) => resource.index(name, key, { text }),
    async read(key) {
      const { body } = await reader.get({ index: name, id: key }, { ignore: [404] });
      const { _source: { text } = {} } = body as { readonly _source?: { readonly text?: string } };
      return text === undefined ? [] : [text];
    },
    remove: (resource, key) => resource.remove(name, key),
    fail: (resource) => resource.index('nowhere', 'a', {}),
    ordered: true,
    child: { module: import.meta.url, input: target, execArgv: sourceArgv },
    async close() {
      await Promise.all(clients.map((each) => each.close()));
    },
  };
}
