import { UnanimousError } from './errors.ts';
import { type Gid, readGid } from './gid.ts';
import { isRmName } from './rm-name.ts';

/**
 * Identity of a branch wherever it is written down, a database's list of prepared transactions
 * included. The incarnation tells a resource manager that went back in time from itself
 * (PROTOCOL rule 8).
 */
export interface BranchId {
  readonly gid: Gid;
  /** Number within the transaction, from 1. */
  readonly branch: number;
  readonly rm: string;
  readonly incarnation: string;
}

/** All branch ids begin with it; scans filter by it. */
export const branchIdPrefix = 'un1.';

const pattern =
  /^un1\.([0-9a-f]{12}-[0-9]+-[0-9]+)\.([1-9][0-9]{0,5})\.([A-Za-z0-9_-]{1,40})\.(.+)$/;

const incarnationPattern = /^[A-Za-z0-9_-]{1,40}$/;

/** Whether it may tell a resource manager from itself. */
export function isIncarnation(text: string): boolean {
  return incarnationPattern.test(text);
}

/**
 * Text of a branch id: `un1.GID.BRANCH.INCARNATION.RM`, only `[A-Za-z0-9._-]`, below 200 bytes (the
 * limit of Postgres), so it may stand between quotes in SQL.
 * @throws UnanimousError when a part is malformed.
 */
export function formatBranchId(id: BranchId): string {
  const { gid, branch, incarnation, rm } = id;
  const text = `${branchIdPrefix}${gid}.${branch}.${incarnation}.${rm}`;
  const isNumber = Number.isInteger(branch) && branch > 0 && branch < 1_000_000;
  // A dot in the incarnation would read as another branch's id.
  if (isNumber && readGid(gid) && isIncarnation(incarnation) && isRmName(rm)) return text;
  throw new UnanimousError('invalid-argument', `not a branch id: ${JSON.stringify(text)}`);
}

/** The branch id that a text stands for, or undefined when it is not one of ours. */
export function parseBranchId(text: string): BranchId | undefined {
  const [, gidText = '', branch, incarnation = '', rm = ''] = pattern.exec(text) ?? [];
  const gid = readGid(gidText)?.gid;
  if (!gid || !isRmName(rm)) return undefined;
  return { gid, branch: Number(branch), incarnation, rm };
}
