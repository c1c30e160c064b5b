import { Client } from '@opensearch-project/opensearch';
import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { type Search, search } from '@unanimous/participant-sdk/search';
import { sourceArgv } from '../support/source-argv.ts';

/** Where the resource connects, and where the reader does. */
export interface SearchAddresses {
  readonly address: string;
  readonly readerAddress: string;
}

const name = 'conformance';

/** One index, with a document for each key. */
export function conformanceSubject(addresses: SearchAddresses): ConformanceSubject<Search> {
  const clients: Client[] = [];
  const client = (address: string) => {
    const made = new Client({ node: `http://${address || 'localhost'}`, maxRetries: 0 });
    clients.push(made);
    return made;
  };
  const reader = client(addresses.readerAddress);
  return {
    kind: 'logged',
    async make(rm) {
      const properties = { unanimous_removed: { type: 'date' } } as const;
      const settings = { number_of_replicas: 0 };
      const body = { settings, mappings: { properties } };
      await reader.indices.create({ index: name, body }, { ignore: [400] }); // it may be there
      return search({ rm, client: client(addresses.address), confirmTimeoutMs: 1_000 });
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
    child: { module: import.meta.url, input: addresses, execArgv: sourceArgv },
    async close() {
      await Promise.all(clients.map((each) => each.close()));
    },
  };
}
