import { expect } from 'vitest';
import { commandOrSkip } from '../servers/require-server.ts';
import { resourceCase as definedResource } from './resources/defined-resource.ts';
import { resourceCase as earlyAcknowledgement } from './resources/early-acknowledgement.ts';
import { resourceCase as sqliteQueue } from './resources/sqlite-queue.ts';
import type { ResourceCase } from './support/resource-case.ts';
import { runResourceKills } from './support/resource-run.ts';

// Every resource, and 1,000 transactions of each: npm run crash:resources.

const run = (resource: ResourceCase) =>
  runResourceKills({
    ...{ resource, beside: sqliteQueue, transactions: 60, perKill: 7, seed: 3 },
    say: () => {},
  });

commandOrSkip('sqlite3').describe('participant and coordinator, killed at random:', () => {
  commandOrSkip('sqlite3').test(
    'both resources hold what was decided',
    async () => {
      const result = await run(definedResource);
      expect(result.violations).toEqual([]);
      expect(result.committed).toBeGreaterThan(4);
      expect(result.aborted).toBeGreaterThan(0);
      expect(Math.min(result.kills.participant, result.kills.coordinator)).toBeGreaterThan(0);
    },
    120_000,
  );

  commandOrSkip('sqlite3').test(
    'what a resource loses is named, by transaction',
    async () => {
      const { violations } = await run(earlyAcknowledgement);
      const lost =
        /transaction \d+ \([0-9a-f]{12}-\d+-\d+\) is committed, and its part 0 is not there/;
      expect(violations.filter((violation) => lost.test(violation))).not.toEqual([]);
    },
    120_000,
  );
});
