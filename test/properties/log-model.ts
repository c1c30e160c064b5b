import { type Gid, parseGid } from '@unanimous/proto';
import type { LogEntry, LogPosition } from '../../coordinator/src/log/decision-log.ts';
import { keyOf, type LogFact, type LogHistory, seenFact } from './log-history.ts';

/** What can be done to a log next, and what was done and seen so far. */
export class LogModel {
  readonly history: LogHistory = { facts: [], failure: undefined };
  /** Positions that somebody was told of. */
  readonly told: LogPosition[] = [];
  /** Positions that only a copy came to which is lost. */
  readonly lost: LogPosition[] = [];
  nextCounter = 1;
  /** Something was forgotten since the last compaction. */
  hasToCompact = false;
  /** Gids of decisions that a branch did not follow. */
  readonly reported = new Set<Gid>();
  readonly #decided = new Set<Gid>();
  readonly #ended = new Set<Gid>();

  /** Gids of decisions that are durable and have not ended. */
  get unended(): Gid[] {
    return [...this.#decided].filter((gid) => !this.#ended.has(gid));
  }

  /** Gids that have ended for all we know. */
  get ended(): Gid[] {
    return [...this.#ended];
  }

  note(fact: LogFact): void {
    this.history.facts.push(fact);
  }

  /** Records are handed over in one append; nobody has answered yet. */
  ask(kind: Parameters<typeof keyOf>[0], ...gids: readonly Gid[]): void {
    this.note({ is: 'asked', keys: gids.map((gid) => keyOf(kind, gid)) });
  }

  /** The log has answered that a record is durable. */
  answer(kind: Parameters<typeof keyOf>[0], gid: Gid, seq?: number): void {
    this.note({ is: 'answered', key: keyOf(kind, gid), seq });
    if (kind === 'commit-decided') this.#decided.add(gid);
    if (kind === 'ended') this.#ended.add(gid);
    if (kind === 'heuristic') this.reported.add(gid);
  }

  /** A mark is durable. */
  forget(gid: Gid): void {
    this.hasToCompact = true;
    this.note({ is: 'forgot', through: parseGid(gid).birth });
  }

  /** What the log holds while nothing is in flight: what was handed over is there, or never will be. */
  see(entries: readonly LogEntry[], isCompact: boolean): void {
    this.note(seenFact(entries, isCompact));
    for (const { record } of entries) {
      if (record.kind === 'commit-decided') this.#decided.add(record.gid);
      if (record.kind === 'ended') this.#ended.add(record.gid);
    }
  }
}
