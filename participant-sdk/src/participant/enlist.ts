import { type BranchId, failpoint, type Gid, type Reason, UnanimousError } from '@unanimous/proto';
import type { OpenBranch } from '../resource.ts';
import type { Link } from '../session/link.ts';
import type { BranchDriver } from './branch-driver.ts';
import type { LocalTransaction } from './local-transaction.ts';
import type { Scope } from './scope.ts';
import type { ServedResource } from './served-resource.ts';

/** What enlisting needs of the participant. */
export interface EnlistPorts {
  readonly connectTimeoutMs: number;
  /** True when the transaction is one of this client's. */
  knows(transaction: LocalTransaction): boolean;
  makeDriver(id: BranchId, transaction: LocalTransaction): BranchDriver;
}

/**
 * The open branch of a resource in the scope's transaction: enlisted by the first call, and opened
 * only when the coordinator has acknowledged it (PROTOCOL rule 1).
 */
export function enlist(
  scope: Scope,
  served: ServedResource,
  open: (id: BranchId) => OpenBranch,
  ports: EnlistPorts,
): Promise<OpenBranch> {
  const { transaction } = scope;
  let branch: Promise<OpenBranch>;
  try {
    scope.checkOpen();
    if (!ports.knows(transaction)) throw foreignResource(transaction, served.rm);
    const known = transaction.branches.get(served.rm);
    branch = Promise.resolve(known ?? enlistFirst(transaction, served, open, ports));
  } catch (error) {
    return Promise.reject(error);
  }
  const over = scope.begin();
  return branch.then(
    (opened) => {
      over();
      checkWorking(transaction, served.rm);
      return opened;
    },
    (error: unknown) => {
      over();
      throw error;
    },
  );
}

/**
 * As `enlist`, where nobody need be asked: the branch is open, or the coordinator does not know of
 * the transaction yet. Undefined where `enlist` must ask, or has something to say.
 */
export function enlistNow(
  scope: Scope,
  served: ServedResource,
  open: (id: BranchId) => OpenBranch,
  ports: EnlistPorts,
): OpenBranch | undefined {
  const { transaction } = scope;
  if (scope.isClosed || transaction.closed || transaction.doomedBy) return undefined;
  if (!ports.knows(transaction)) return undefined;
  const known = transaction.branches.get(served.rm);
  if (known)
    return known instanceof Promise || !isWorking(transaction, served.rm) ? undefined : known;
  const { link } = served;
  const branch = link && enlistUntold(link, transaction, served, open, ports);
  if (branch) transaction.branches.set(served.rm, branch);
  return branch;
}

/** A refused enlist may be tried again; the same branch serves all who ask meanwhile. */
function enlistFirst(
  transaction: LocalTransaction,
  served: ServedResource,
  open: (id: BranchId) => OpenBranch,
  ports: EnlistPorts,
): OpenBranch | Promise<OpenBranch> {
  checkNotDoomed(transaction, served.rm);
  const { rm } = served;
  const { link } = served;
  const branch =
    (link && enlistUntold(link, transaction, served, open, ports)) ??
    (link
      ? enlistOn(link, transaction, served, open, ports)
      : enlistOnceServed(transaction, served, open, ports));
  transaction.branches.set(rm, branch);
  if (!(branch instanceof Promise)) return branch;
  branch.catch(() => {
    if (transaction.branches.get(rm) === branch) transaction.branches.delete(rm);
  });
  return branch;
}

/**
 * Opens a branch of a transaction of which the coordinator does not know: both are told later, on the
 * session to which the gid belongs. Unprepared work dies with its connection, so nothing is owed to
 * anybody before (PROTOCOL rule 1). Undefined where the coordinator must be asked.
 */
function enlistUntold(
  link: Link,
  transaction: LocalTransaction,
  served: ServedResource,
  open: (id: BranchId) => OpenBranch,
  ports: EnlistPorts,
): OpenBranch | undefined {
  const { untold, gid } = transaction;
  if (!untold) return undefined;
  const { rm, incarnation, resource } = served;
  const isFull = untold.branches.length >= (link.welcome?.maxBranches ?? 0);
  // Which of them is asked last, the coordinator says.
  if (link !== untold.link || isFull || resource.kind === 'last') void untold.tell();
  if (untold.isTold) return undefined;
  const branch = untold.add(rm, resource.canOnePhase);
  return openBranch({ gid, branch, rm, incarnation }, transaction, open, ports);
}

async function enlistOnceServed(
  transaction: LocalTransaction,
  served: ServedResource,
  open: (id: BranchId) => OpenBranch,
  ports: EnlistPorts,
): Promise<OpenBranch> {
  void transaction.untold?.tell();
  const limitMs = Math.min(transaction.remainingMs(), ports.connectTimeoutMs);
  const link = await served.whenServed(limitMs);
  if (transaction.closed) throw transaction.closed;
  return enlistOn(link, transaction, served, open, ports);
}

function enlistOn(
  link: Link,
  transaction: LocalTransaction,
  served: ServedResource,
  open: (id: BranchId) => OpenBranch,
  ports: EnlistPorts,
): Promise<OpenBranch> {
  const { gid } = transaction;
  const { rm, incarnation } = served;
  return new Promise((resolve, reject) => {
    const question = { gid, rm, canOnePhase: served.resource.canOnePhase };
    failpoint('p.enlist.before-send', rm);
    link.request('enlists', question, {
      // In the turn of the frame itself: a Prepare that follows must find the branch.
      answer: ({ branch }) => {
        failpoint('p.enlist.acknowledged', rm);
        try {
          const id: BranchId = { gid, branch, rm, incarnation };
          resolve(openBranch(id, transaction, open, ports));
        } catch (error) {
          reject(error);
        }
      },
      refuse: reject,
    });
  });
}

function openBranch(
  id: BranchId,
  transaction: LocalTransaction,
  open: (id: BranchId) => OpenBranch,
  ports: EnlistPorts,
): OpenBranch {
  if (transaction.ended) throw transaction.closed as UnanimousError;
  const driver = ports.makeDriver(id, transaction);
  const why = transaction.doomedBy;
  if (why) {
    driver.opened(nothingOpen);
    driver.input({ kind: 'doom', reason: why });
    throw doomedError(id.gid, why);
  }
  try {
    const branch = open(id);
    driver.opened(branch);
    return branch;
  } catch (error) {
    const cause = UnanimousError.from(error, 'rm-unavailable');
    driver.opened(nothingOpen);
    driver.input({ kind: 'doom', reason: cause.toReason() });
    throw cause;
  }
}

function checkWorking(transaction: LocalTransaction, rm: string): void {
  checkNotDoomed(transaction, rm);
  if (transaction.closed) throw transaction.closed;
  if (isWorking(transaction, rm)) return;
  throw new UnanimousError('work-after-end', `the branch in ${rm} has ended`, {
    gid: transaction.gid,
    rm,
  });
}

function isWorking(transaction: LocalTransaction, rm: string): boolean {
  for (const { id, at } of transaction.drivers) {
    if (id.rm === rm && at === 'working') return true;
  }
  return false;
}

function checkNotDoomed(transaction: LocalTransaction, rm: string): void {
  const why = transaction.doomedBy;
  if (why) throw doomedError(transaction.gid, why.rm === '' ? { ...why, rm } : why);
}

function doomedError(gid: Gid, why: Reason): UnanimousError {
  return new UnanimousError('branch-doomed', `transaction ${gid} failed earlier: ${why.message}`, {
    gid,
    reason: why,
    hint: why.hint,
    ...(why.rm && { rm: why.rm }),
  });
}

function foreignResource(transaction: LocalTransaction, rm: string): UnanimousError {
  const gid = transaction.show();
  return new UnanimousError('unknown-rm', `${rm} belongs to another TransactionClient`, {
    gid,
    rm,
    hint: 'Serve the resource by the client whose transaction() is open.',
  });
}

/** Stands for a branch that was enlisted too late to be opened. */
const nothingOpen: OpenBranch = {
  busy: () => undefined,
  prepare: () => Promise.reject(new UnanimousError('branch-doomed', 'never opened')),
  ready: () => Promise.reject(new UnanimousError('branch-doomed', 'never opened')),
  commitOnePhase: () => Promise.reject(new UnanimousError('branch-doomed', 'never opened')),
  rollback: () => Promise.resolve(),
};
