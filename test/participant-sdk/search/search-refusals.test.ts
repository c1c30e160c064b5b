import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '@opensearch-project/opensearch';
import { expect, test } from 'vitest';
import { search } from '../../../participant-sdk/src/search/index.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

const document = { n: 1 };

test.each([
  ['index "" is not the name of one index', '', 'a', document],
  ['index "A" is not the name of one index', 'A', 'a', document],
  ['index "a*" is not the name of one index', 'a*', 'a', document],
  ['index "a,b" is not the name of one index', 'a,b', 'a', document],
  ['index "_all" is not the name of one index', '_all', 'a', document],
  ['is not the name of one index', '<a-{now}>', 'a', document],
  ['is not the name of one index', 'a/_doc', 'a', document],
  ['index ".." is not the name of one index', '..', 'a', document],
  ['index is longer than 255 bytes', 'a'.repeat(256), 'a', document],
  ['id is not a text', 'a', '', document],
  ['id is longer than 512 bytes', 'a', '\u{e9}'.repeat(257), document],
  ['id is not well-formed Unicode', 'a', '\ud800', document],
  ['document is not an object', 'a', 'a', [1]],
  ['document is not an object', 'a', 'a', undefined],
  ['document is not an object in JSON', 'a', 'a', new Date(0)],
  ['document.a[0]: a Map does not survive JSON', 'a', 'a', { a: [new Map()] }],
  ['document.unanimous_removed belongs to removals', 'a', 'a', { unanimous_removed: 1 }],
])('%s: refused at once', async (words, index, id, value) => {
  await using server = await answering(200, greeting);
  const resource = await server.serve();
  const work = () => resource.index(index, id, value as never);
  await expect(server.coordinator.begin(work)).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining(words),
  });
});

test('a user whom the server, or what stands before it, does not know is told so', async () => {
  const error = { type: 'security_exception', reason: 'missing authentication credentials' };
  for (const body of [JSON.stringify({ error, status: 401 }), 'Unauthorized']) {
    await using server = await answering(401, body);
    await expect(server.serve()).rejects.toMatchObject({
      code: 'rm-unavailable',
      message: expect.stringMatching(/GET \/: (security_exception: missing|401: )/),
      hint: 'Check the user, its password and its rights.',
      retryable: false,
    });
  }
});

test.each([
  [{ number: '6.8.23' }, 'abc', 'unsupported-protocol', 'index: version 6.8.23'],
  [{ number: '7.10.2' }, '_na_', 'rm-unavailable', 'index: the cluster has not formed yet'],
])('%j with cluster %j does not open', async (version, uuid, code, message) => {
  await using server = await answering(200, JSON.stringify({ cluster_uuid: uuid, version }));
  await expect(server.serve()).rejects.toMatchObject({ code, message });
});

test('a server that is not there is told so', async () => {
  const client = new Client({ node: 'http://127.0.0.1:1' });
  const nobody = search({ rm: 'index', client });
  await expect(nobody.open()).rejects.toMatchObject({ code: 'rm-unavailable', rm: 'index' });
  await client.close();
});

const greeting = JSON.stringify({ cluster_uuid: 'abc', version: { number: '7.10.2' } });

/** What can't be had from a server without security: one that gives the same answer to all. */
async function answering(status: number, body: string) {
  const type = body.startsWith('{') ? 'application/json' : 'text/plain';
  const server = createServer((_, response) =>
    response.writeHead(status, { 'content-type': type }).end(body),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new Client({ node: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  const coordinator = new TestCoordinator();
  return {
    coordinator,
    serve: () => coordinator.serve(search({ rm: 'index', client })),
    async [Symbol.asyncDispose]() {
      await client.close();
      server.close();
    },
  };
}
