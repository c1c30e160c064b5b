/**
 * What tells, after all else is gone, whether a branch's transaction was committed (PROTOCOL rule
 * 11). As text it is JSON.
 */
export interface Receipt {
  readonly systemIdentifier: string;
  readonly databaseOid: string;
  readonly databaseName: string;
  readonly timeline: number;
  /** Full 64-bit transaction id. */
  readonly xid: string;
  /** End of the log when the transaction was prepared or ready. */
  readonly lsn: string;
  /**
   * Only of a branch that was ready but not prepared: changes when the server crashes. A crash
   * forgets an id whose log was not flushed yet and gives it to another transaction.
   */
  readonly crashMark?: string;
}

/** Reads a receipt; undefined when it is empty or not one of ours. */
export function parseReceipt(text: string): Receipt | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    const { systemIdentifier, databaseOid, databaseName, timeline, xid, lsn, crashMark } = value;
    const isWhole =
      [systemIdentifier, databaseOid, databaseName].every((part) => typeof part === 'string') &&
      Number.isSafeInteger(timeline) &&
      /^[1-9][0-9]{0,19}$/.test(String(xid)) &&
      lsnPattern.test(String(lsn)) &&
      (crashMark === undefined || typeof crashMark === 'string');
    return isWhole ? (value as unknown as Receipt) : undefined;
  } catch {
    return undefined;
  }
}

const lsnPattern = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/;

/** A place in the log as a number, to compare it. */
export function lsnToNumber(lsn: string): bigint {
  const [, high = '0', low = '0'] = lsnPattern.exec(lsn) ?? [];
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/**
 * Where the history of `timeline` was left, by the text of a server's timeline history file;
 * undefined when that file does not know of it.
 */
export function forkOf(timeline: number, historyFile: string): bigint | undefined {
  for (const line of historyFile.split('\n')) {
    const [, parent, lsn] = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/.exec(line) ?? [];
    if (Number(parent) === timeline && lsn !== undefined) return lsnToNumber(lsn);
  }
  return undefined;
}
