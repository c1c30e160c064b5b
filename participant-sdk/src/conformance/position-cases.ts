import { formatGid, isIncarnation, type LogId } from '@unanimous/proto';
import type { SeenPosition } from '../resource.ts';
import type { CaseDefinition } from './conformance-case.ts';
import { demand } from './conformance-error.ts';

/** What an instance says of itself, and what the resource manager keeps of ours. */
export const positionCases: readonly CaseDefinition[] = [
  {
    name: 'all instances say the same of what the name stands for',
    kinds: 'both',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const { resource, identity, rm } = first;
      demand(
        resource.rm === rm && resource.kind === bench.subject.kind,
        `the resource says it is ${resource.kind} ${resource.rm}; the subject made it as ` +
          `${bench.subject.kind} ${rm}`,
        'give the resource the name that make() is called with, and the subject the right kind',
      );
      demand(
        identity.identity !== '' && isIncarnation(identity.incarnation),
        `open() gave the identity ${JSON.stringify(identity)}`,
        'identity names the database or target, not empty; incarnation has 1 to 40 characters of ' +
          '[A-Za-z0-9_-]',
      );
      const again = await resource.open();
      for (const other of [second.identity, again]) {
        demand(
          other.identity === identity.identity && other.incarnation === identity.incarnation,
          `one target is ${JSON.stringify(identity)} and also ${JSON.stringify(other)}`,
          'derive both from the target itself, not from the process; open() may be called again',
        );
      }
      const key = bench.key();
      const trial = await bench.prepared(first, [[key, 'x']]);
      await bench.mustCommit(first, trial, 'after open() was called again');
    },
  },
  {
    name: 'the highest log position is kept, for each log, for all instances',
    kinds: 'native',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const { logId } = bench;
      const at = (epoch: number, seq: number): SeenPosition => ({
        logId,
        epoch,
        nonce: `n${epoch}`,
        seq,
        chain: `c${seq}`,
      });
      const before = await first.resource.remembered(logId);
      demand(
        before === undefined,
        'remembered() of a log that nobody spoke of is not undefined',
        'keep positions by log id',
      );
      for (const [position, kept] of [
        [at(2, 9), at(2, 9)],
        [at(2, 10), at(2, 10)],
        [at(2, 4), at(2, 10)],
        [at(1, 99), at(2, 10)],
        [at(10, 1), at(10, 1)],
      ] as const) {
        await first.resource.remember(position);
        const found = await second.resource.remembered(logId);
        const isKept = (Object.keys(kept) as (keyof SeenPosition)[]).every(
          (field) => found?.[field] === kept[field],
        );
        demand(
          isKept,
          `after remember(${JSON.stringify(position)}) another instance reads ` +
            `${JSON.stringify(found)} instead of ${JSON.stringify(kept)}: a coordinator that was ` +
            'restored from a backup is not noticed',
          'keep one row per log in the resource manager itself, and replace it only by a higher ' +
            '(epoch, seq), compared as numbers, in one step',
        );
      }
      const other = await second.resource.remembered('0123456789ab' as LogId);
      demand(
        other?.logId === undefined || other.logId === '0123456789ab',
        "remembered() of another log gives this one's position",
        'keep positions by log id',
      );
    },
  },
  {
    name: 'the audit of branches that ended otherwise, where there is one, keeps the newest word',
    kinds: 'native',
    async run(bench) {
      const [first, second] = [await bench.instance(), await bench.instance()];
      const gid = formatGid(bench.logId, { epoch: 1, counter: 77 });
      const words = [
        { gid, branch: 1, result: 'rolled-back', reason: "the operator's first word" },
        { gid, branch: 1, result: 'committed', reason: 'his last' },
        { gid, branch: 2, result: 'rolled-back', reason: 'of another branch' },
      ] as const;
      if (!first.resource.audit) return;
      for (const word of [...words, words[2]]) await first.resource.audit(word);
      const found = ((await second.resource.audited?.()) ?? [])
        .filter((entry) => entry.gid === gid)
        .map(({ branch, result }) => `${branch} ${result}`)
        .toSorted();
      demand(
        found.join() === '1 committed,2 rolled-back',
        `audited() gives [${found.join(', ')}] for one branch that was written down twice and ` +
          'another that was written down again',
        'let audited() give the newest entry of each branch, by whichever instance wrote it',
      );
    },
  },
];
