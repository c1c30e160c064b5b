import { createHash } from 'node:crypto';
import {
  type BranchId,
  branchIdPrefix,
  formatBranchId,
  parseBranchId,
  UnanimousError,
} from '@unanimous/proto';

/** XA allows 64 bytes for each half of an id. */
const halfBytes = 64;

/** So many are left of the second half when an incarnation and a dot have theirs. */
const rmBytes = 48;

/**
 * A branch id between quotes, as the XA statements take it: `un1.GID.BRANCH` names the transaction's
 * branch, `INCARNATION.RM` qualifies it. A longer name is cut off and goes on with a digest.
 * @throws UnanimousError `invalid-argument` when it cannot be one.
 */
export function xidOf(id: BranchId): string {
  const text = formatBranchId(id);
  const gtrid = `${branchIdPrefix}${id.gid}.${id.branch}`;
  const bqual = `${id.incarnation}.${rmPart(id.rm)}`;
  if (gtrid.length > halfBytes || bqual.length > halfBytes) {
    throw new UnanimousError('invalid-argument', `${text} does not fit into an XA id`);
  }
  return `'${gtrid}','${bqual}'`;
}

/** What XA RECOVER says of one prepared branch, by whichever user of the server. */
export interface RecoveredRow {
  readonly formatID: unknown;
  readonly gtrid_length: unknown;
  readonly bqual_length: unknown;
  /** Both halves, one after the other: bytes, or a text. */
  readonly data: unknown;
}

/** The branch of a resource manager in a row of XA RECOVER; undefined when it is none of its own. */
export function readXid(row: RecoveredRow, rm: string): BranchId | undefined {
  const data = Buffer.isBuffer(row.data) ? row.data.toString('latin1') : String(row.data);
  const [gtridLength, bqualLength] = [Number(row.gtrid_length), Number(row.bqual_length)];
  if (Number(row.formatID) !== 1 || data.length !== gtridLength + bqualLength) return undefined;
  const bqual = data.slice(gtridLength);
  const ending = `.${rmPart(rm)}`;
  if (!bqual.endsWith(ending)) return undefined;
  const id = parseBranchId(`${data.slice(0, gtridLength)}.${bqual.slice(0, -ending.length)}.${rm}`);
  // An incarnation has no dot, so a name that merely ends like this one is noticed here.
  return id?.rm === rm ? id : undefined;
}

/** A tilde stands in no name, so nothing that was cut off reads like another's whole name. */
function rmPart(rm: string): string {
  if (rm.length <= rmBytes) return rm;
  const digest = createHash('sha256').update(rm).digest('hex').slice(0, 16);
  return `${rm.slice(0, rmBytes - digest.length - 1)}~${digest}`;
}
