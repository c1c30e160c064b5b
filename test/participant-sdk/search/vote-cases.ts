import { expect, test } from 'vitest';
import type { RunningSearchServer } from '../../../examples/support/search-server.ts';
import { SearchFixture } from './search-fixture.ts';

/** What can only be refused before the decision, on a server that runs. */
export function testVotes(server: () => RunningSearchServer): void {
  test('what the mapping refuses is a no, and nothing of it is kept', async () => {
    await using fixture = new SearchFixture(server());
    const index = await fixture.serve();
    await fixture.create('mapped', {}, { dynamic: 'strict' });
    await fixture.create('routed', {}, { _routing: { required: true } });
    await fixture.operator.indices.create({ index: 'unprepared' });
    const vote = async (work: () => Promise<void>) =>
      (await fixture.coordinator.begin(work)).prepare();
    await expect(vote(() => index.index('mapped', 'a', { n: 'x' }))).rejects.toMatchObject({
      code: 'prepare-refused',
      message: expect.stringContaining('mapped/a: failed to parse field [n]'),
    });
    await expect(vote(() => index.index('mapped', 'a', { more: 1 }))).rejects.toMatchObject({
      code: 'prepare-refused',
      message: expect.stringContaining('introduction of [more]'),
    });
    await expect(vote(() => index.index('routed', 'a', {}))).rejects.toMatchObject({
      code: 'prepare-refused',
      message: 'index routed wants a routing of its own',
    });
    await expect(vote(() => index.remove('unprepared', 'a'))).rejects.toMatchObject({
      code: 'prepare-refused',
      message: 'index unprepared does not map unanimous_removed',
    });
    await vote(() => index.index('unprepared', 'a', { new: 1 })); // tried, and not kept
    const { body } = await fixture.operator.indices.getMapping({ index: 'unprepared' });
    expect(body.unprepared?.mappings).toEqual({});
  });

  test('an alias of several indexes is a no; of one it is that index', async () => {
    await using fixture = new SearchFixture(server());
    const index = await fixture.serve();
    await fixture.create('one');
    await fixture.create('two');
    await fixture.operator.indices.putAlias({ index: 'one,two', name: 'both' });
    const refused = await fixture.coordinator.begin(() => index.index('both', 'a', {}));
    await expect(refused.prepare()).rejects.toMatchObject({
      code: 'prepare-refused',
      message: 'both stands for 2 indexes',
    });
    await fixture.operator.indices.deleteAlias({ index: 'two', name: 'both' });
    await fixture.coordinator.commit(() => index.index('both', 'a', { n: 1 }));
    expect(await fixture.get('one', 'a')).toEqual({ n: 1 });
  });

  test.each(['index', 'remove'] as const)(
    'an index whose shard is nowhere is a no to %s',
    async (what) => {
      await using fixture = new SearchFixture(server());
      const index = await fixture.serve();
      const nowhere = `nowhere-${what}`;
      const settings = { 'routing.allocation.require._name': 'nobody' };
      await fixture.create(nowhere, settings, {}, { wait_for_active_shards: '0' });
      const refused = await fixture.coordinator.begin(() => index[what](nowhere, 'a', {}));
      await expect(refused.prepare()).rejects.toMatchObject({
        code: 'rm-unavailable',
        message: expect.stringContaining(`${nowhere}/a: no_shard_available_action_exception`),
      });
      await fixture.operator.indices.delete({ index: nowhere }); // a restart waits for all
    },
  );
}
