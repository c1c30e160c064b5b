import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TcpRelay } from '../../integration/support/tcp-relay.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import {
  type RunningSearchServer,
  type SearchServerName,
  startSearchServer,
} from '../../../examples/support/search-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { testConformance } from '../support/run-conformance.ts';
import { conformanceSubject } from './conformance-subject.ts';
import { SearchFixture } from './search-fixture.ts';
import { testVotes } from './vote-cases.ts';

for (const name of ['opensearch', 'elasticsearch'] as const) {
  serverOrSkip(name).describe(`search indexes in ${name}`, () => testSearch(name));
}

function testSearch(name: SearchServerName): void {
  let server: RunningSearchServer;
  beforeAll(async () => {
    server = await startSearchServer(name);
  }, 90_000);
  afterAll(() => server?.stop());

  describe('conform', () => {
    let relay: TcpRelay;
    let subject: ReturnType<typeof conformanceSubject>;
    beforeAll(async () => {
      relay = await TcpRelay.start(server.address);
      subject = conformanceSubject({
        server: name,
        address: relay.address,
        readerAddress: server.address,
      });
    });
    afterAll(async () => {
      await subject?.close?.();
      await relay?.[Symbol.asyncDispose]();
    });
    const processes = {
      server: { stop: () => server.kill9(), start: () => server.restart() },
      hang: async () => {
        relay.holdAnswers();
        return async () => relay.releaseAnswers();
      },
    };
    const shape = conformanceSubject({ server: name, address: '', readerAddress: '' });
    // What processes of ours do does not depend on the server, and costs a start of Java.
    const { child: _, ...alone } = shape;
    const isFirst = name === 'opensearch';
    testConformance(isFirst ? { ...shape, ...processes } : alone, () => ({
      ...subject,
      ...processes,
    }));
  });

  testVotes(() => server);

  test('what has committed is found, with refresh as soon as it is applied', async () => {
    await using fixture = new SearchFixture(server);
    const index = await fixture.serve({ refresh: 'wait_for' });
    const { body } = await fixture.operator.info();
    expect(await index.open()).toMatchObject({ identity: `search:${body.cluster_uuid}` });
    await fixture.create('found');
    const aborted = await fixture.coordinator.begin(() => index.index('found', 'x', { n: 0 }));
    await aborted.prepare();
    await aborted.abort();
    const transaction = await fixture.coordinator.begin(async () => {
      await index.index('found', 'a', { n: 1 });
      await index.index('found', 'b', { n: 2 });
      await index.index('found', 'a', { n: 3 });
    });
    await transaction.prepare();
    expect(await fixture.get('found', 'a')).toBe(undefined);
    expect(await transaction.commit()).toEqual([{ result: 'committed' }]);
    expect(await fixture.find('found')).toHaveLength(2);
    expect(await fixture.find('found')).toEqual(expect.arrayContaining([{ n: 2 }, { n: 3 }]));
    const remove = await fixture.coordinator.commit(() => index.remove('found', 'a'));
    expect(await fixture.find('found')).toEqual([{ n: 2 }]);
    await index.commit(remove.id(index), remove.decided(index));
    expect(await fixture.find('found')).toEqual([{ n: 2 }]);
  });

  test('a repeat writes again, so that what it confirms is on disk', async () => {
    await using fixture = new SearchFixture(server);
    const [here, there] = [await fixture.serve(), await fixture.serve()];
    await fixture.create('again');
    const one = await fixture.coordinator.commit(() => here.index('again', 'a', { n: 1 }));
    const meta = async () => (await fixture.operator.get({ index: 'again', id: 'a' })).body;
    const version = 2 ** 53 + 1; // epoch 1, seq 1; the client rounds it
    expect(await meta()).toMatchObject({ _version: version, _seq_no: 0 });
    await there.commit(one.id(here), one.decided(here));
    expect(await meta()).toMatchObject({ _version: version, _seq_no: 1 });
  });

  test('a write that lost against a newer one is applied only when the newer is found', async () => {
    await using fixture = new SearchFixture(server);
    const waiting = await fixture.serve({ refresh: 'wait_for' });
    const quick = await fixture.serve({ rm: 'quick' });
    await fixture.create('late', { refresh_interval: '20s' });
    const [older, newer] = await Promise.all([
      fixture.coordinator.begin(() => waiting.index('late', 'a', { n: 1 })),
      fixture.coordinator.begin(() => quick.index('late', 'a', { n: 2 })),
    ]);
    await Promise.all([older.prepare(), newer.prepare()]);
    older.decided(waiting); // its place in the log is before the other's
    await newer.commit();
    expect(await fixture.find('late')).toEqual([]);
    await older.commit();
    expect(await fixture.find('late')).toEqual([{ n: 2 }]);
  });

  test('what was removed stays away from an older write, a restart later, until it is purged', async () => {
    await using fixture = new SearchFixture(server);
    const index = await fixture.serve();
    await fixture.create('removed', { gc_deletes: '0s' });
    await fixture.coordinator.commit(() => index.index('removed', 'a', { n: 1 }));
    const [older, remove] = await Promise.all([
      fixture.coordinator.begin(() => index.index('removed', 'a', { n: 2 })),
      fixture.coordinator.begin(() => index.remove('removed', 'a')),
    ]);
    await Promise.all([older.prepare(), remove.prepare()]);
    older.decided(index);
    await remove.commit();
    await fixture.operator.indices.flush({ index: 'removed' });
    await server.kill9();
    await expect(older.commit()).rejects.toMatchObject({ code: 'rm-unavailable', rm: 'index' });
    const refused = await fixture.coordinator.begin(() => index.index('removed', 'b', { n: 1 }));
    await expect(refused.prepare()).rejects.toMatchObject({ code: 'rm-unavailable' });
    await server.restart();
    const finished = await waitUntil(() => older.commit().catch(() => undefined), {
      what: 'the commit after the restart',
    });
    expect(finished).toEqual([{ result: 'committed' }]);
    await fixture.operator.indices.refresh({ index: 'removed' });
    expect(await fixture.find('removed')).toEqual([]);
    expect(await fixture.get('removed', 'a')).toEqual({ unanimous_removed: expect.any(String) });
    const purge = { query: { range: { unanimous_removed: { lt: 'now' } } } };
    const { body } = await fixture.operator.deleteByQuery({ index: 'removed', body: purge });
    expect(body).toMatchObject({ deleted: 1 });
    await fixture.coordinator.commit(() => index.index('removed', 'a', { n: 3 }));
    expect(await fixture.get('removed', 'a')).toEqual({ n: 3 });
  }, 90_000);

  test('a mapping that changes after the vote is a hazard of one effect, not of the others', async () => {
    await using fixture = new SearchFixture(server);
    const index = await fixture.serve();
    await fixture.create('guessed');
    const work = (value: unknown, id: string) =>
      fixture.coordinator.begin(async () => {
        await index.index('guessed', `${id}-1`, { n: 1 });
        await index.index('guessed', `${id}-2`, { guess: value });
        await index.index('guessed', `${id}-3`, { guess: value }); // replaced, and so never sent
        await index.index('guessed', `${id}-3`, { n: 3 });
      });
    const [first, second] = [await work(1, 'a'), await work({ deep: 1 }, 'b')];
    await Promise.all([first.prepare(), second.prepare()]);
    expect(await first.commit()).toEqual([{ result: 'committed' }]);
    expect(await second.commit()).toEqual([
      {
        result: 'unknown',
        reason: expect.objectContaining({
          code: 'heuristic',
          message: expect.stringMatching(
            /refused for good[^;]*\/1: guessed\/b-2: [^;]*guess[^;]*$/,
          ),
        }),
      },
    ]);
    const ids = ['b-1', 'b-2', 'b-3'].map((id) => fixture.get('guessed', id));
    expect(await Promise.all(ids)).toEqual([{ n: 1 }, undefined, { n: 3 }]);
  });

  test('an index that is missing is a no, and after the decision it waits for one', async () => {
    await using fixture = new SearchFixture(server);
    const index = await fixture.serve();
    const refused = await fixture.coordinator.begin(() => index.index('nowhere', 'a', {}));
    await expect(refused.prepare()).rejects.toMatchObject({ code: 'unroutable', rm: 'index' });
    await fixture.create('gone');
    const decided = await fixture.coordinator.begin(() => index.index('gone', 'a', { n: 1 }));
    await decided.prepare();
    await fixture.operator.indices.delete({ index: 'gone' });
    await expect(decided.commit()).rejects.toMatchObject({
      code: 'unroutable',
      message: 'index gone does not exist',
    });
    await fixture.create('gone');
    expect(await decided.commit()).toEqual([{ result: 'committed' }]);
    expect(await fixture.get('gone', 'a')).toEqual({ n: 1 });
  });

  test('a blocked index is a no, and after the decision nothing is dropped', async () => {
    await using fixture = new SearchFixture(server);
    const index = await fixture.serve();
    await fixture.create('blocked');
    await fixture.create('free');
    const decided = await fixture.coordinator.begin(async () => {
      await index.index('blocked', 'a', { n: 1 });
      await index.index('free', 'a', { n: 1 });
    });
    await decided.prepare();
    await fixture.set('blocked', { 'index.blocks.write': true });
    await expect(decided.commit()).rejects.toMatchObject({
      code: 'rm-unavailable',
      message: expect.stringContaining('blocked/a: cluster_block_exception'),
    });
    expect(await fixture.get('free', 'a')).toEqual({ n: 1 });
    const refused = await fixture.coordinator.begin(() => index.index('blocked', 'a', { n: 2 }));
    await expect(refused.prepare()).rejects.toMatchObject({
      code: 'rm-unavailable',
      message: 'index blocked is blocked: index.blocks.write',
    });
    await fixture.set('blocked', { 'index.blocks.write': false });
    expect(await decided.commit()).toEqual([{ result: 'committed' }]);
    expect(await fixture.get('blocked', 'a')).toEqual({ n: 1 });
  });

  test('a server that is too busy (429) is asked again', async () => {
    await using fixture = new SearchFixture(server);
    const index = await fixture.serve();
    await fixture.create('busy');
    const decided = await fixture.coordinator.begin(() => index.index('busy', 'a', { n: 1 }));
    await decided.prepare();
    const limit = (value: string | null) =>
      fixture.operator.cluster.putSettings({
        body: { transient: { 'network.breaker.inflight_requests.limit': value } },
      });
    await limit('1b');
    const answer = await decided.commit().catch((error: unknown) => error);
    await limit(null);
    expect(answer).toMatchObject({
      code: 'rm-unavailable',
      retryable: true,
      message: expect.stringContaining('circuit_breaking_exception'),
    });
    expect(await decided.commit()).toEqual([{ result: 'committed' }]);
  });

  test('an index that may lose what it confirms, or is rarely refreshed, is refused unless told', async () => {
    await using fixture = new SearchFixture(server);
    await fixture.create('lossy', { 'translog.durability': 'async', refresh_interval: '-1' });
    const vote = async (options: object) => {
      const index = await fixture.serve(options);
      await (await fixture.coordinator.begin(() => index.index('lossy', 'a', {}))).prepare();
    };
    await expect(vote({})).rejects.toMatchObject({
      code: 'prepare-refused',
      message: expect.stringContaining('index.translog.durability is async'),
    });
    await expect(vote({ durability: 'async', refresh: 'wait_for' })).rejects.toMatchObject({
      code: 'prepare-refused',
      message: 'index lossy is refreshed too rarely to wait for: -1',
    });
    await vote({ durability: 'async' });
  });

  test('a position that no version can hold is a hazard, and nothing is written', async () => {
    await using fixture = new SearchFixture(server);
    const index = await fixture.serve();
    await fixture.create('beyond');
    const decided = await fixture.coordinator.begin(() => index.index('beyond', 'a', { n: 1 }));
    await decided.prepare();
    const position = { ...decided.decided(index), epoch: 2 ** 21 };
    expect(await index.commit(decided.id(index), position)).toMatchObject({
      result: 'unknown',
      reason: { message: expect.stringContaining('2097152.1 does not fit a version') },
    });
    expect(await fixture.get('beyond', 'a')).toBe(undefined);
  });
}
