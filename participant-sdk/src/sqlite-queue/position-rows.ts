import type { LogId } from '@unanimous/proto';
import type { SeenPosition } from '../resource.ts';
import type { Sql } from './sqlite-database.ts';

/** The highest position of a log that the file has seen. */
export function readPosition(sql: Sql, logId: LogId): SeenPosition | undefined {
  const query = `select log_id as logId, epoch, nonce, seq, chain from unanimous_positions
    where log_id = ?`;
  return sql.get(query, logId) as SeenPosition | undefined;
}

/** Remembers a position. An older one changes nothing: several processes share the file. */
export function writePosition(sql: Sql, position: SeenPosition): void {
  const { logId, epoch, nonce, seq, chain } = position;
  sql.run(
    `insert into unanimous_positions (log_id, epoch, nonce, seq, chain) values (?, ?, ?, ?, ?)
     on conflict (log_id) do update
       set epoch = excluded.epoch, nonce = excluded.nonce, seq = excluded.seq,
         chain = excluded.chain
       where (excluded.epoch, excluded.seq) > (epoch, seq)`,
    logId,
    epoch,
    nonce,
    seq,
    chain,
  );
}
