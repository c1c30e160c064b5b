import { Client } from '@opensearch-project/opensearch';
import { search } from '@unanimous/participant-sdk/search';
import { hasSearchServer, startSearchServer } from '../../../examples/support/search-server.ts';
import { type Effect, type Found, type ResourceCase, sharedKey } from '../support/resource-case.ts';

/** Each transaction indexes a document of its own, and one that it shares with others. */
export const resourceCase: ResourceCase<{ readonly node: string }> = {
  title: 'Search indexes',
  module: import.meta.url,
  reader: 'HTTP: `_refresh`, then `_search`',
  promised: { parts: 2, repeats: 'none', order: 'none', stays: 'last' },
  isPresent: () => hasSearchServer('opensearch'),

  async start(parts) {
    const server = await startSearchServer('opensearch');
    parts.use({ [Symbol.asyncDispose]: () => server.stop() });
    const node = `http://${server.address}`;
    const field = { type: 'keyword' };
    await send(node, 'PUT', '/entries', {
      settings: { number_of_replicas: 0 },
      mappings: { properties: { gid: field, key: field, unanimous_removed: { type: 'date' } } },
    });
    return { settings: { node }, server, read: () => readIndex(node) };
  },

  async serve(tm, rm, { node }) {
    const index = await tm.serve(search({ rm, client: new Client({ node }) }));
    return (effect: Effect) => {
      const { n, part } = effect;
      if (part === 0) return index.index('entries', `own-${n}`, { ...effect });
      return index.index('entries', sharedKey(n), { ...effect, key: sharedKey(n) });
    };
  },
};

async function readIndex(node: string): Promise<Found[]> {
  await send(node, 'POST', '/entries/_refresh');
  const all = { size: 10_000, query: { match_all: {} } };
  const found = (await send(node, 'POST', '/entries/_search', all)) as {
    readonly hits: { readonly hits: readonly { readonly _source: Found }[] };
  };
  return found.hits.hits.map(({ _source }) => _source);
}

async function send(node: string, method: string, path: string, body: object = {}) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(node + path, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response.json();
}
