import { expect, test } from 'vitest';
import { LoggedBranch } from '../../../participant-sdk/src/logged/logged-branch.ts';

function open(check: (effects: readonly unknown[]) => Promise<void> = async () => {}) {
  return new LoggedBranch({ rm: 'events', maxPayloadBytes: 1_000, check });
}

test('a branch without effects is read-only', async () => {
  expect(await open().prepare()).toEqual({ vote: 'read-only' });
});

test('the check sees all effects before the vote', async () => {
  let seen: readonly unknown[] = [];
  const branch = open(async (effects) => {
    seen = effects;
  });
  branch.stage('{"a":1}');
  branch.stage('2');
  expect(await branch.prepare()).toMatchObject({ vote: 'yes', redo: expect.any(Uint8Array) });
  expect(seen).toEqual([{ a: 1 }, 2]);
});

test('the limit counts bytes, not characters', () => {
  const branch = new LoggedBranch({ rm: 'events', maxPayloadBytes: 100, check: async () => {} });
  expect(() => branch.stage(JSON.stringify('ü'.repeat(30)))).toThrow('the limit is 100');
});

test('there is no one phase: the redo payload must be in the log', async () => {
  await expect(open().ready()).rejects.toMatchObject({ code: 'internal' });
  await expect(open().commitOnePhase()).rejects.toMatchObject({ code: 'internal' });
});
