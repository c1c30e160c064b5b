import { UnanimousError } from './errors.ts';
import { type Gid, parseGid } from './gid.ts';
import { checkRmName } from './rm-name.ts';

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

/**
 * Text of a branch id: `un1.GID.BRANCH.INCARNATION.RM`, only `[A-Za-z0-9._-]`, below 200 bytes (the
 * limit of Postgres), so it may stand between quotes in SQL.
 * @throws UnanimousError when a part is malformed.
 */
export function formatBranchId(id: BranchId): string {
  const text = `${branchIdPrefix}${id.gid}.${id.branch}.${id.incarnation}.${id.rm}`;
  const read = parseBranchId(text);
  // A dot in the incarnation would read as another branch's id.
  if (read?.gid !== id.gid || read.branch !== id.branch || read.incarnation !== id.incarnation) {
    throw new UnanimousError('invalid-argument', `not a branch id: ${JSON.stringify(text)}`);
  }
  return text;
}

/** The branch id that a text stands for, or undefined when it is not one of ours. */
export function parseBranchId(text: string): BranchId | undefined {
  const match = pattern.exec(text);
  if (!match?.[1] || !match[3] || !match[4]) return undefined;
  try {
    const { gid } = parseGid(match[1]);
    return {
      gid,
      branch: Number(match[2]),
      incarnation: match[3],
      rm: checkRmName(match[4]),
    };
  } catch {
    return undefined;
  }
}
