import { UnanimousError } from './errors.ts';

/**
 * Global transaction id, made by the coordinator: `LOGID-EPOCH-COUNTER`, say `4f1c9a7be203-2-1045`.
 * The log id says whose it is; epoch and counter are its birth position, which never goes back.
 */
export type Gid = string & { readonly __brand: 'Gid' };

/** Identity of a coordinator's log: 12 hexadecimal digits. */
export type LogId = string & { readonly __brand: 'LogId' };

/** Where in the life of its log a transaction was begun; ordered by epoch, then counter. */
export interface Birth {
  readonly epoch: number;
  readonly counter: number;
}

/** What a gid says. */
export interface ParsedGid {
  readonly gid: Gid;
  readonly logId: LogId;
  readonly birth: Birth;
}

const logIdPattern = /^[0-9a-f]{12}$/;
const gidPattern = /^([0-9a-f]{12})-([1-9][0-9]{0,15})-([1-9][0-9]{0,15})$/;

/** Makes the gid of a transaction. */
export function formatGid(logId: LogId, birth: Birth): Gid {
  return `${logId}-${birth.epoch}-${birth.counter}` as Gid;
}

/**
 * Reads text that should be a gid.
 * @throws UnanimousError `malformed-gid` when it is not one.
 */
export function parseGid(text: string): ParsedGid {
  const parsed = readGid(text);
  if (parsed) return parsed;
  throw new UnanimousError('malformed-gid', `not a gid: ${JSON.stringify(text.slice(0, 80))}`);
}

/** As `parseGid`; undefined when it is not one. */
export function readGid(text: string): ParsedGid | undefined {
  const match = gidPattern.exec(text);
  const epoch = Number(match?.[2]);
  const counter = Number(match?.[3]);
  if (!match || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(counter)) return undefined;
  return { gid: text as Gid, logId: match[1] as LogId, birth: { epoch, counter } };
}

/** What the gid itself says of a transaction that its process committed without the coordinator. */
export type HomeOutcome = 'committed' | 'unknown';

const homeSuffix = { committed: '-home', unknown: '-home-unknown' } as const;

/**
 * The name, for users, of a transaction that was committed by its one database, or wrote nothing, and
 * of which no coordinator was told. The gid alone would be presumed aborted; this one carries what
 * there is to say, so that who asks hears the truth for ever.
 */
export function homeGid(gid: Gid, outcome: HomeOutcome): Gid {
  return `${gid}${homeSuffix[outcome]}` as Gid;
}

/** Reads what `homeGid` makes; undefined for any other text. */
export function parseHomeGid(
  text: string,
): { readonly gid: Gid; readonly logId: LogId; readonly outcome: HomeOutcome } | undefined {
  for (const outcome of ['committed', 'unknown'] as const) {
    const suffix = homeSuffix[outcome];
    if (!text.endsWith(suffix)) continue;
    const { gid, logId } = parseGid(text.slice(0, -suffix.length));
    return { gid, logId, outcome };
  }
  return undefined;
}

/**
 * Reads text that should be a log id.
 * @throws UnanimousError `invalid-argument` when it is not one.
 */
export function parseLogId(text: string): LogId {
  if (!logIdPattern.test(text)) {
    throw new UnanimousError('invalid-argument', `not a log id: ${JSON.stringify(text)}`);
  }
  return text as LogId;
}

/** Negative, zero or positive as `a` was born before, with or after `b`. */
export function compareBirths(a: Birth, b: Birth): number {
  return a.epoch - b.epoch || a.counter - b.counter;
}
