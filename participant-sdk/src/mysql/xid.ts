import {
  type BranchId,
  branchIdPrefix,
  checkRmName,
  formatBranchId,
  parseBranchId,
  UnanimousError,
} from '@unanimous/proto';

/** XA allows 64 bytes for each half of an id; an incarnation takes up to 15 and a dot of the second. */
const maxRmBytes = 48;

/**
 * Returns the name when it may name a resource manager whose branches are XA transactions.
 * @throws UnanimousError `invalid-argument` otherwise.
 */
export function checkXaRmName(name: string): string {
  checkRmName(name);
  if (name.length <= maxRmBytes) return name;
  throw new UnanimousError('invalid-argument', `rm: ${name} has ${name.length} characters`, {
    hint: `Use at most ${maxRmBytes}: an XA id has no room for more.`,
  });
}

/**
 * A branch id between quotes, as the XA statements take it: `un1.GID.BRANCH` names the transaction's
 * branch, `INCARNATION.RM` qualifies it.
 * @throws UnanimousError `invalid-argument` when it cannot be one.
 */
export function xidOf(id: BranchId): string {
  const text = formatBranchId(id);
  const gtrid = `${branchIdPrefix}${id.gid}.${id.branch}`;
  const bqual = text.slice(gtrid.length + 1);
  if (gtrid.length > 64 || bqual.length > 64) {
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

/** The branch id in a row of XA RECOVER; undefined when it is not one of ours. */
export function readXid(row: RecoveredRow): BranchId | undefined {
  const data = Buffer.isBuffer(row.data) ? row.data.toString('latin1') : String(row.data);
  const [gtridLength, bqualLength] = [Number(row.gtrid_length), Number(row.bqual_length)];
  if (Number(row.formatID) !== 1 || data.length !== gtridLength + bqualLength) return undefined;
  return parseBranchId(`${data.slice(0, gtridLength)}.${data.slice(gtridLength)}`);
}
