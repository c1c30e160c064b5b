import { type DeadLetter, type MessageRow, messageColumns, readMessage } from './message.ts';
import type { Sql } from './sqlite-database.ts';

/** Which dead letters. */
export interface DeadLetterQuery {
  readonly topic: string;
  /** At most so many; 100 unless told. */
  readonly limit?: number;
  /** Only those with a higher sequence: the next page. */
  readonly afterSequence?: number;
}

interface DeadLetterRow extends MessageRow {
  readonly reason: string;
  readonly died_at_ms: number;
}

/** Lists dead letters in their order. */
export function listDeadLetters<T>(sql: Sql, query: DeadLetterQuery): DeadLetter<T>[] {
  const { topic, limit = 100, afterSequence = 0 } = query;
  return sql
    .all<DeadLetterRow>(
      `select ${messageColumns}, reason, died_at_ms from unanimous_dead_letters
       where topic = ? and sequence > ? order by sequence limit ?`,
      topic,
      afterSequence,
      limit,
    )
    .map((row) => ({ ...readMessage<T>(row), reason: row.reason, diedAtMs: row.died_at_ms }));
}

/** Puts dead letters back at their old places, as if never delivered; how many. */
export function redrive(sql: Sql, topic: string, ids: readonly string[] | undefined): number {
  const which = 'topic = ? and (? is null or id in (select value from json_each(?)))';
  const list = ids === undefined ? null : JSON.stringify(ids);
  const columns = messageColumns.replace('deliveries', '0');
  const moved = sql.run(
    `insert into unanimous_messages (${messageColumns})
     select ${columns} from unanimous_dead_letters where ${which}`,
    topic,
    list,
    list,
  );
  sql.run(`delete from unanimous_dead_letters where ${which}`, topic, list, list);
  return moved;
}
