import type { Birth, Gid } from '@unanimous/proto';
import type { LogEntry, LogPosition } from '../../coordinator/src/log/decision-log.ts';
import { summary } from '../coordinator/log/log-records.ts';

/** A record as it was found. */
export interface FoundRecord {
  /** What it says, as `summary` puts it: `ended 1-17`. */
  readonly key: string;
  readonly seq: number;
  /** All of it. */
  readonly body: string;
}

/** What happened to a log, and what was seen of it. */
export type LogFact =
  /** Records were handed over, in one append. */
  | { readonly is: 'asked'; readonly keys: readonly string[] }
  /** The log has answered that one is durable; of what is lazy it does not say where. */
  | { readonly is: 'answered'; readonly key: string; readonly seq: number | undefined }
  /** An append was rejected; a plan of the test's own had the log fail or it had not. */
  | { readonly is: 'refused'; readonly isPlanned: boolean; readonly why: string }
  /** Nobody answered an append, although the log has failed. */
  | { readonly is: 'unanswered'; readonly keys: readonly string[] }
  /** A record can be nowhere: only a copy came to it that is lost. */
  | { readonly is: 'lost'; readonly key: string }
  /** A mark is durable. */
  | { readonly is: 'forgot'; readonly through: Birth }
  | { readonly is: 'began'; readonly epoch: number }
  /** All that the log holds; nothing is in flight. `isCompact` right after a compaction. */
  | {
      readonly is: 'seen';
      readonly records: readonly FoundRecord[];
      readonly marks: readonly Birth[];
      readonly isCompact: boolean;
    }
  /** What the log said of a position, and whether anybody was told of that one. */
  | {
      readonly is: 'held';
      readonly position: LogPosition;
      readonly holds: boolean;
      readonly wasTold: boolean;
    };

/** One life of a log. */
export interface LogHistory {
  readonly facts: LogFact[];
  /** Why the life did not come to its end. */
  failure: unknown;
}

/** What a look shows. */
export function seenFact(entries: readonly LogEntry[], isCompact: boolean): LogFact {
  const ofTransactions = entries.filter(({ record }) => 'gid' in record);
  const records = ofTransactions.map((entry): FoundRecord => {
    return { key: summary(entry), seq: entry.seq, body: JSON.stringify(entry.record) };
  });
  const marks = entries.flatMap(({ record }) =>
    record.kind === 'forgotten' ? [record.through] : [],
  );
  return { is: 'seen', records, marks, isCompact };
}

/** The key of a transaction's record. */
export function keyOf(kind: 'commit-decided' | 'ended' | 'heuristic', gid: Gid): string {
  return `${kind} ${gid.slice(13)}`;
}

/** Kind and birth of the transaction that a key speaks of. */
export function readKey(key: string): { readonly kind: string; readonly birth: Birth } {
  const [, kind = '', epoch, counter] = /^(\S+) (\d+)-(\d+)$/.exec(key) ?? [];
  return { kind, birth: { epoch: Number(epoch), counter: Number(counter) } };
}
