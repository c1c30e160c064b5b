import { type LogId, reason } from '@unanimous/proto';
import { expect, test } from 'vitest';
import { Coordinator } from '../../coordinator/src/coordinator.ts';
import { MemoryDecisionLog, newMemoryDisk } from '../../coordinator/src/log/memory-log.ts';
import type { Input } from '../../coordinator/src/protocol/decide.ts';
import type { Resolution } from '../../coordinator/src/protocol/record.ts';

// What the exhaustive check found in a model of the driver (variant operator), on the driver itself.

test("an earlier append's answer does not let out what hangs on an operator's later word", async () => {
  const disk = newMemoryDisk('4f1c9a7be203' as LogId);
  const held: (() => void)[] = [];
  let isHolding = false;
  const afterWrite = async (): Promise<void> => {
    if (isHolding) await new Promise<void>((resolve) => held.push(resolve));
  };
  const log = new MemoryDecisionLog({ disk, newNonce: () => '0123456789abcdef', afterWrite });
  await using coordinator = await Coordinator.start({ log });
  const { transactions } = coordinator;
  const entry = transactions.begin({ session: 1 }, 60_000, '');
  const { gid } = entry.state;
  const say = (resolution: Resolution) => {
    const audit = { reason: 'looked into it', operator: 'ann', at: '2026-01-01T00:00:00Z' };
    return transactions.input(entry, { kind: 'resolve', branch: 1, resolution, ...audit }).recorded;
  };

  for (const input of toDelegation) await transactions.input(entry, input).recorded;
  expect(entry.state.phase).toBe('delegated');
  isHolding = true;
  const abandoned = say('abandoned');
  await expect.poll(() => held.length).toBe(1);
  const committed = say('committed');
  held.shift()?.();
  await abandoned;
  const early = coordinator.outcome(gid).kind;
  await expect.poll(() => held.length).toBe(1);
  isHolding = false;
  held.shift()?.();
  await committed;
  expect(early).toBe('OUTCOME_UNKNOWN');
  expect(coordinator.outcome(gid)).toMatchObject({ kind: 'OUTCOME_COMMITTED' });
});

const work = { work: new Uint8Array(), redo: new Uint8Array(), receipt: '', incarnation: '' };
const branch = { rm: 'orders-db', kind: 'native', canOnePhase: true, session: 1, ...work } as const;
const vote = { is: 'ready', receipt: 'receipt', redo: new Uint8Array() } as const;

const toDelegation: readonly Input[] = [
  { kind: 'enlist', branch: { ...branch, state: { is: 'working' } }, maxBranches: 64 },
  { kind: 'commit' },
  { kind: 'vote', branch: 1, session: 1, incarnation: 'i1', vote },
  { kind: 'result', branch: 1, result: { is: 'pending', reason: reason('rm-unavailable', '') } },
];
