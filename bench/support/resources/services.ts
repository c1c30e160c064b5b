import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@opensearch-project/opensearch';
import { search } from '@unanimous/participant-sdk/search';
import { lastResource, reservation } from '@unanimous/participant-sdk/service';
import { startSearchServer } from '../../../examples/support/search-server.ts';
import { type Bench, besideRow, type MeasuredResource } from './measured-resource.ts';

/** A document; who reads it asks for its id every 5 ms. A search finds it after the next refresh. */
export async function openSearch(bench: Bench): Promise<MeasuredResource> {
  const server = await startSearchServer('opensearch');
  const client = new Client({ node: `http://${server.address}` });
  const settings = { number_of_replicas: 0 };
  await client.indices.create({ index: 'events', body: { settings } });
  const index = await bench.tm.serve(search({ rm: 'index', client }));
  return besideRow(bench, {
    name: 'OpenSearch',
    write: (event) => client.index({ index: 'events', id: event, body: { event } }),
    stage: (event) => index.index('events', event, { event }),
    async arrival(event) {
      while (!(await client.exists({ index: 'events', id: event })).body) await delay(5);
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.stop();
    },
  });
}

/** A payment that is reserved and confirmed; by hand it is made at once. */
export async function openReservation(bench: Bench): Promise<MeasuredResource> {
  const provider = await startProvider();
  const payments = await bench.tm.serve(
    reservation<string, { readonly hold: string }>({
      rm: 'payments',
      lapsesAfterMs: 600_000,
      async try(event, { key }) {
        await provider.call(`/holds/${event}`, key);
        return { hold: event };
      },
      confirm: ({ hold }, { key }) => provider.call(`/holds/${hold}/capture`, key),
      cancel: ({ hold }, { key }) => provider.call(`/holds/${hold}/release`, key),
    }),
  );
  return besideRow(bench, {
    name: 'a service that reserves',
    write: (event) => provider.call(`/payments/${event}`, event),
    stage: (event) => payments.reserve(event),
    [Symbol.asyncDispose]: () => provider.stop(),
  });
}

/** A payment that is made when all others have voted. */
export async function openLastResource(bench: Bench): Promise<MeasuredResource> {
  const provider = await startProvider();
  const transfers = await bench.tm.serve(
    lastResource<string>({
      rm: 'transfers',
      call: (event, { key }) => provider.call(`/payments/${event}`, key),
    }),
  );
  return besideRow(bench, {
    name: 'a service that is asked last',
    write: (event) => provider.call(`/payments/${event}`, event),
    stage: (event) => transfers.call(event),
    [Symbol.asyncDispose]: () => provider.stop(),
  });
}

/** Answers over HTTP, at once, in this process: what is measured is the calls, not the service. */
async function startProvider() {
  const server = createServer((request, response) =>
    request.resume().on('end', () => response.end()),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    async call(path: string, key: string): Promise<undefined> {
      const headers = { 'idempotency-key': key };
      const url = `http://127.0.0.1:${port}${path}`;
      const response = await fetch(url, { method: 'POST', headers });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
      return undefined;
    },
    async stop(): Promise<void> {
      server.closeAllConnections();
      server.close();
    },
  };
}
