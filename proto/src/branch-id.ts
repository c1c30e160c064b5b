import { UnanimousError } from './errors.ts';
import { type Gid, isGid, parseGid } from './gid.ts';
import { checkRmName, isRmName } from './rm-name.ts';

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
  const { gid, branch, incarnation, rm } = id;
  const text = `${branchIdPrefix}${gid}.${branch}.${incarnation}.${rm}`;
  const isNumber = Number.isInteger(branch) && branch > 0 && branch < 1_000_000;
  if (isNumber && isGid(gid) && isPlace(id)) return text;
  throw new UnanimousError('invalid-argument', `not a branch id: ${JSON.stringify(text)}`);
}

/** Resource managers by their incarnation, as they were found well formed: a few for each process. */
const places = new Map<string, string>();

function isPlace({ incarnation, rm }: BranchId): boolean {
  const key = rm + incarnation;
  if (places.get(key) === rm) return true;
  // A dot in the incarnation would read as another branch's id.
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(incarnation) || !isRmName(rm)) return false;
  if (places.size >= 1_000) places.clear();
  places.set(key, rm);
  return true;
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
