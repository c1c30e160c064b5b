import type { CommitKind } from '@unanimous/proto';
import type { Message } from './protocol/step.ts';
import type { Transaction } from './protocol/transaction.ts';
import type { ResourceManagers } from './resource-managers.ts';

const commitKinds = {
  commit: 'COMMIT_PREPARED',
  apply: 'APPLY',
  'one-phase': 'ONE_PHASE',
  settle: 'SETTLE',
} as const satisfies Partial<Record<Message['kind'], CommitKind>>;

/**
 * Sends a message of the core to who can act on it. When nobody can, it is not kept: a prepare's
 * lost session has aborted already, and what phase two owes is sent again to whoever serves next.
 */
export function tellBranch(
  rms: ResourceManagers,
  state: Transaction,
  { kind, branch }: Message,
  remainingMs: number,
): void {
  const { gid } = state;
  const { branch: number, rm, receipt, redo, incarnation, work, session } = branch;
  const own = rms.servedBy(rm, session);
  switch (kind) {
    case 'prepare':
    case 'prepare-one-phase': {
      const onePhase = kind === 'prepare-one-phase';
      const prepare = { gid, branch: number, rm, remainingMs, onePhase, work: asBuffer(work) };
      own?.session.writer.add('prepares', prepare);
      return;
    }
    case 'abort': {
      // Before its vote a branch is known only where it lives; afterwards any instance can end it.
      const to = branch.state.is === 'yes' ? rms.pick(rm, session) : own;
      to?.session.writer.add('aborts', { gid, branch: number, rm, receipt, incarnation });
      return;
    }
    case 'commit':
    case 'apply':
    case 'one-phase':
    case 'settle': {
      if (state.phase !== 'committing' && state.phase !== 'delegated') return;
      // The permission goes to nobody but who holds the open branch; others ask its receipt.
      const lostHolder = kind === 'one-phase' && own === undefined;
      rms.pick(rm, session)?.session.writer.add('commits', {
        gid,
        branch: number,
        rm,
        kind: commitKinds[lostHolder ? 'settle' : kind],
        receipt,
        redo: asBuffer(redo),
        epoch: state.at.epoch,
        seq: state.at.seq,
        lowWaterSeq: rms.lowWaterSeq(rm, state.at.seq),
        incarnation,
      });
      return;
    }
  }
}

const noBytes = Buffer.alloc(0);

/** The same bytes; most branches have none. */
function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes.byteLength === 0) return noBytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
