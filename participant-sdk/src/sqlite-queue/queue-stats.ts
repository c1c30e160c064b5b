import type { Sql } from './sqlite-database.ts';

/**
 * What one topic holds. Each message is in one place: published = ready + delayed + leased + dead +
 * acknowledged, but for rows deleted by hand.
 */
export interface TopicStats {
  readonly topic: string;
  /** Committed since the file was made. */
  readonly published: number;
  readonly acknowledged: number;
  /** To be received now. */
  readonly ready: number;
  /** Not to be received yet. */
  readonly delayed: number;
  /** Held by a reader. */
  readonly leased: number;
  /** Given up; see `deadLetters`. */
  readonly dead: number;
  /** In transactions that voted yes and are not decided, or not yet told; not yet published. */
  readonly prepared: number;
  /** Time since the oldest ready message was committed, in milliseconds; 0 when none. */
  readonly oldestReadyMs: number;
}

/** Counts per topic, in the order of their names. */
export function readStats(sql: Sql, nowMs: number): TopicStats[] {
  return sql.all<TopicStats>(
    `with
       live as (select topic,
           sum(coalesce(available_at_ms <= :now, 1)) as ready,
           sum(lease is null and available_at_ms > :now) as delayed,
           sum(lease is not null and available_at_ms > :now) as leased,
           min(iif(coalesce(available_at_ms <= :now, 1), committed_at_ms, null)) as oldest
         from unanimous_messages group by topic),
       waiting as (select topic, count(*) as prepared from unanimous_prepared group by topic),
       buried as (select topic, count(*) as dead from unanimous_dead_letters group by topic),
       names as (select topic from unanimous_topics union select topic from waiting)
     select topic, coalesce(published, 0) as published, coalesce(acknowledged, 0) as acknowledged,
       coalesce(ready, 0) as ready, coalesce(delayed, 0) as delayed, coalesce(leased, 0) as leased,
       coalesce(dead, 0) as dead, coalesce(prepared, 0) as prepared,
       coalesce(max(0, :now - oldest), 0) as oldestReadyMs
     from names left join unanimous_topics using (topic) left join live using (topic)
       left join buried using (topic) left join waiting using (topic)
     order by topic`,
    { now: nowMs },
  );
}
