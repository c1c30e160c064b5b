import { reason } from '@unanimous/proto';
import { describe, expect, test } from 'vitest';
import type { BranchInput, Order } from '../../../participant-sdk/src/protocol/branch-state.ts';
import { BranchWorld } from './branch-world.ts';

const redo = new Uint8Array([1]);
const facts = { receipt: 'r', redo: new Uint8Array(), epoch: 1, seq: 7, lowWaterSeq: 0 };
const why = reason('timeout', 'too late');
const prepare: BranchInput = { kind: 'prepare', onePhase: false, work: false };
const prepareOne: BranchInput = { kind: 'prepare', onePhase: true, work: false };
const prepared: BranchInput = { kind: 'prepared', receipt: 'r', redo };
const sessionLost: BranchInput = { kind: 'session-lost', reason: why };
const deadline: BranchInput = { kind: 'deadline-passed', reason: why };
const commit: Order = { kind: 'commit', facts, asker: 'decision' };
const permit: Order = { kind: 'permit', facts, asker: 'decision' };
const settle: Order = { kind: 'settle', facts, asker: 'decision' };
const abort: Order = { kind: 'abort', receipt: '', prepared: false, asker: 'decision' };
const yes = { kind: 'yes', receipt: 'r', redo } as const;

const order = (one: Order): BranchInput => ({ kind: 'order', order: one });
const finished = (result: 'committed' | 'rolled-back'): BranchInput => {
  return { kind: 'finished', result: { result } };
};

/** The effects of the last of some inputs. */
function effects(...inputs: readonly BranchInput[]) {
  const world = new BranchWorld();
  for (const input of inputs) world.input(input);
  return world.history.at(-1)?.effects ?? [];
}

const open: BranchInput = { kind: 'opened' };

describe('a branch that prepares without being asked', () => {
  const unasked: BranchInput = { ...prepare, unasked: true };
  const letGo: BranchInput = { kind: 'let-go', reason: why };
  const handedOver: BranchInput = { kind: 'handed-over' };
  const abortAlone = {
    run: 'finish',
    order: { kind: 'abort', receipt: 'r', prepared: true, asker: 'self' },
  };

  test('keeps its vote in the process', () => {
    expect(effects(open, unasked, prepared)).toEqual([{ run: 'keep-vote', vote: yes }]);
    const refused: BranchInput = { kind: 'refused', reason: why };
    expect(effects(open, unasked, refused)).toContainEqual({
      run: 'keep-vote',
      vote: { kind: 'no', reason: why },
    });
    expect(effects(open, unasked, { kind: 'read-only' })).toEqual([
      { run: 'keep-vote', vote: { kind: 'read-only' } },
    ]);
  });

  test.each([
    ['its process lets it go', letGo],
    ['its session is lost', sessionLost],
    ['its deadline passes', deadline],
  ])('aborts alone when %s, and never once its vote was handed over (rule 3)', (_, input) => {
    expect(effects(open, unasked, prepared, input)).toEqual([abortAlone]);
    expect(effects(open, unasked, prepared, handedOver, input)).toEqual([]);
    expect(effects(open, unasked, input, prepared)).toContainEqual(abortAlone);
    expect(effects(open, prepare, prepared, input)).toEqual([]);
  });

  test('never aborts alone once it has said its vote when it was asked after all', () => {
    expect(effects(open, unasked, prepared, prepare)).toEqual([{ run: 'vote', vote: yes }]);
    expect(effects(open, unasked, prepared, prepare, letGo)).toEqual([]);
  });

  test('says its vote again on a new session, whole, once it was handed over', () => {
    const again: BranchInput = { kind: 'session-opened' };
    expect(effects(open, unasked, prepared, handedOver, again)).toEqual([
      { run: 'vote', vote: yes },
    ]);
  });
});

describe('a branch that its own process commits', () => {
  const atHome: BranchInput = { kind: 'commit-at-home' };
  const told = (result: object) => ({ run: 'tell-home', result });
  const lost = (receipt: string): BranchInput => ({ kind: 'failed', cause: why, receipt });

  test.each([
    ['its process lets it go', { kind: 'let-go', reason: why }],
    ['its session is lost', sessionLost],
    ['its deadline passes', deadline],
  ] as const)('is not called back when %s', (_, input) => {
    expect(effects(open, atHome)).toEqual([{ run: 'commit-at-home' }]);
    expect(effects(open, atHome, input)).toEqual([]);
    expect(effects(open, atHome, input, finished('committed'))).toContainEqual(
      told({ result: 'committed' }),
    );
    expect(effects(open, input, atHome)).toEqual([told({ result: 'rolled-back', reason: why })]);
  });

  test('says that nothing was committed only when its resource manager has said so', () => {
    expect(effects(open, atHome, { kind: 'refused', reason: why })).toEqual([
      { run: 'rollback' },
      told({ result: 'rolled-back', reason: why }),
    ]);
  });

  test('asks its receipt when the answer was lost, again and again; without one it is unknown', () => {
    const settling = { run: 'finish', order: { kind: 'settle', facts: { receipt: 'r' } } };
    expect(effects(open, atHome, lost('r'))).toMatchObject([settling]);
    const failed: BranchInput = { kind: 'failed', cause: why };
    expect(effects(open, atHome, lost('r'), failed)).toEqual([{ run: 'retry-later', failures: 1 }]);
    expect(effects(open, atHome, lost('r'), finished('committed'))).toEqual([
      told({ result: 'committed' }),
      { run: 'forget' },
    ]);
    expect(effects(open, atHome, lost(''))).toContainEqual(
      told({ result: 'unknown', reason: why }),
    );
  });
});

describe('phase one', () => {
  test('a branch that nobody holds here votes no: it restarted (rule 2)', () => {
    expect(effects(prepare)).toMatchObject([
      { run: 'vote', vote: { kind: 'no', reason: { code: 'branch-unknown', retryable: true } } },
      { run: 'forget' },
    ]);
  });

  test('a branch that is not whole votes no and is rolled back', () => {
    const obstacle = reason('statement-running', 'select 1');
    expect(effects(open, { ...prepare, obstacle })).toEqual([
      { run: 'rollback' },
      { run: 'vote', vote: { kind: 'no', reason: obstacle } },
    ]);
  });

  test('a doomed branch is rolled back at once, and says why when it is asked', () => {
    expect(effects(open, { kind: 'doom', reason: why })).toEqual([{ run: 'rollback' }]);
    const asked = effects(open, { kind: 'doom', reason: why }, { kind: 'rolled-back' }, prepare);
    expect(asked).toEqual([{ run: 'vote', vote: { kind: 'no', reason: why } }]);
  });

  test('a Prepare that comes twice gets the very same vote', () => {
    expect(effects(open, prepare, prepared, prepare)).toEqual([{ run: 'vote', vote: yes }]);
  });

  test('a new session hears the vote again, whole (rule 3)', () => {
    const inputs = [open, prepare, prepared, sessionLost, { kind: 'session-opened' }] as const;
    expect(effects(...inputs)).toEqual([{ run: 'vote', vote: yes }]);
  });

  test.each([sessionLost, deadline])('unvoted work is rolled back by $kind', (loss) => {
    expect(effects(open, loss)).toEqual([{ run: 'rollback' }]);
    expect(effects(open, loss, { kind: 'rolled-back' })).toEqual([{ run: 'forget' }]);
  });

  test.each([sessionLost, deadline])('a prepared branch outlives $kind', (loss) => {
    expect(effects(open, prepare, prepared, loss)).toEqual([]);
  });

  test.each([sessionLost, deadline])('what ends by itself after $kind is not kept', (loss) => {
    const readOnly = effects(open, prepare, loss, { kind: 'read-only' });
    expect(readOnly).toEqual([
      { run: 'vote', vote: { kind: 'no', reason: why } },
      { run: 'forget' },
    ]);
    const refused: BranchInput = { kind: 'refused', reason: why };
    expect(effects(open, prepare, loss, refused, { kind: 'rolled-back' })).toEqual([
      { run: 'forget' },
    ]);
  });

  test.each([sessionLost, deadline])('PREPARE ends, then rolls back for $kind', (loss) => {
    expect(effects(open, prepare, loss)).toEqual([]);
    expect(effects(open, prepare, loss, prepared)).toMatchObject([
      { run: 'vote', vote: { kind: 'no' } },
      { run: 'finish', order: { kind: 'abort', receipt: 'r', prepared: true } },
    ]);
  });

  test('an abort that overtakes PREPARE waits for it, and no vote is said', () => {
    expect(effects(open, prepare, order(abort))).toEqual([]);
    expect(effects(open, prepare, order(abort), prepared)).toMatchObject([
      { run: 'finish', order: { kind: 'abort', receipt: 'r' } },
    ]);
  });
});

describe('phase two', () => {
  test('any instance commits what another prepared, and answers when it is durable', () => {
    expect(effects(order(commit))).toEqual([{ run: 'finish', order: commit }]);
    expect(effects(order(commit), finished('committed'))).toEqual([
      { run: 'acknowledge', result: { result: 'committed' } },
      { run: 'forget' },
    ]);
  });

  test('a failure is told once for each cause, and tried again without end', () => {
    const down: BranchInput = { kind: 'failed', cause: reason('rm-unavailable', 'down') };
    const full: BranchInput = { kind: 'failed', cause: reason('rm-unavailable', 'full') };
    const retry: BranchInput = { kind: 'retry' };
    expect(effects(order(commit), down)).toMatchObject([
      { run: 'acknowledge-pending', cause: { message: 'down' } },
      { run: 'retry-later', failures: 1 },
    ]);
    expect(effects(order(commit), down, retry)).toEqual([{ run: 'finish', order: commit }]);
    expect(effects(order(commit), down, retry, down)).toEqual([
      { run: 'retry-later', failures: 2 },
    ]);
    expect(effects(order(commit), down, retry, full)).toMatchObject([
      { run: 'acknowledge-pending', cause: { message: 'full' } },
      { run: 'retry-later' },
    ]);
  });

  test('a new session wakes what waits to be tried again', () => {
    const failed: BranchInput = { kind: 'failed', cause: why };
    expect(effects(order(commit), failed, { kind: 'session-opened' })).toEqual([
      { run: 'finish', order: commit },
    ]);
  });

  test('a scan without receipt that finds the branch gone answers nothing: others tell', () => {
    const scanned: Order = { kind: 'commit', facts: { ...facts, receipt: '' }, asker: 'scan' };
    const unknown: BranchInput = { kind: 'finished', result: { result: 'unknown', reason: why } };
    expect(effects(order(scanned), unknown)).toEqual([{ run: 'forget' }]);
    expect(effects(order(scanned), order(commit), unknown)).toEqual([
      { run: 'finish', order: commit },
    ]);
    expect(effects(order(commit), unknown)).toMatchObject([{ run: 'acknowledge' }, {}]);
  });

  test('an order against the one that runs waits, and the answer tells what really happened', () => {
    const inputs = [open, prepare, prepared, order(commit), order(abort), finished('committed')];
    expect(effects(...inputs)).toMatchObject([
      { run: 'acknowledge', result: { result: 'committed' } },
      { run: 'finish', order: { kind: 'abort', receipt: 'r', prepared: true } },
    ]);
  });
});

describe('one phase', () => {
  const readied: BranchInput = { kind: 'readied', receipt: 'r' };

  test('the branch waits for the permission with its receipt, then commits', () => {
    expect(effects(open, prepareOne, readied)).toEqual([
      { run: 'vote', vote: { kind: 'ready', receipt: 'r' } },
    ]);
    expect(effects(open, prepareOne, readied, order(permit))).toEqual([
      { run: 'commit-one-phase' },
    ]);
  });

  test.each([sessionLost, deadline])('ready is not prepared: $kind rolls it back', (loss) => {
    const inputs = [open, prepareOne, readied, loss];
    expect(effects(...inputs)).toEqual([{ run: 'rollback' }]);
    expect(effects(...inputs, order(permit))).toEqual([]);
    expect(effects(...inputs, order(permit), { kind: 'rolled-back' })).toMatchObject([
      { run: 'finish', order: { kind: 'settle' } },
    ]);
  });

  test('a permission for a branch that was lost asks the receipt and commits nothing', () => {
    expect(effects(order(permit))).toMatchObject([{ run: 'finish', order: { kind: 'settle' } }]);
  });

  test('a commit whose result is not known asks the receipt', () => {
    const inputs = [open, prepareOne, readied, order(permit)];
    expect(effects(...inputs, { kind: 'failed', cause: why })).toMatchObject([
      { run: 'finish', order: { kind: 'settle', facts: { receipt: 'r' } } },
    ]);
  });

  test('SETTLE makes an open branch final by rolling it back first', () => {
    const inputs = [open, prepareOne, readied, order(settle)];
    expect(effects(...inputs)).toEqual([{ run: 'rollback' }]);
    expect(effects(...inputs, { kind: 'rolled-back' })).toMatchObject([
      { run: 'finish', order: settle },
    ]);
  });
});
