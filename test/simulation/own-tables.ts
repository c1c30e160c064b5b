import type { AuditEntry, SeenPosition } from '../../participant-sdk/src/resource.ts';
import type { Marks } from './marks.ts';

/** What the participants keep in a database for themselves, as Postgres' `unanimous_*` tables. */
export class OwnTables {
  readonly #marks: Marks;
  readonly #nowMs: () => number;
  #positions: { readonly atMs: number; readonly position: SeenPosition }[] = [];
  #audit: { readonly atMs: number; readonly entry: AuditEntry }[] = [];

  constructor(marks: Marks, nowMs: () => number) {
    this.#marks = marks;
    this.#nowMs = nowMs;
  }

  /** The highest position of a log that is remembered, maybe only of what came before a moment. */
  position(logId: string, beforeMs = Number.POSITIVE_INFINITY): SeenPosition | undefined {
    return this.#positions.findLast(({ atMs, position }) => {
      return position.logId === logId && atMs < beforeMs;
    })?.position;
  }

  remember(position: SeenPosition): void {
    const known = this.position(position.logId);
    const isHigher =
      !known ||
      position.epoch > known.epoch ||
      (position.epoch === known.epoch && position.seq > known.seq);
    if (isHigher) this.#positions.push({ atMs: this.#nowMs(), position });
  }

  /** Writes down, once, how a branch ended otherwise than decided; as Postgres' `unanimous_audit`. */
  writeAudit(entry: AuditEntry): void {
    const text = JSON.stringify(entry);
    if (this.#audit.some((kept) => JSON.stringify(kept.entry) === text)) return;
    this.#audit.push({ atMs: this.#nowMs(), entry });
    this.#marks.hit('rm.audit-written');
  }

  /** The newest entry of each branch. */
  readAudit(): AuditEntry[] {
    const newest = new Map<string, AuditEntry>();
    for (const { entry } of this.#audit) newest.set(`${entry.gid} ${entry.branch}`, entry);
    return [...newest.values()];
  }

  /** An operator deletes the positions of a log that should not have been. */
  forgetPositionsSince(atMs: number): void {
    this.#positions = this.#positions.filter((kept) => kept.atMs < atMs);
  }

  /** And what was written down of transactions that it has spoken of. */
  forgetSince(atMs: number, gids: ReadonlySet<string>): void {
    this.forgetPositionsSince(atMs);
    this.#audit = this.#audit.filter((kept) => kept.atMs < atMs || !gids.has(kept.entry.gid));
  }

  /** The database goes back in time. */
  restoreTo(atMs: number): void {
    this.#positions = this.#positions.filter((kept) => kept.atMs <= atMs);
    this.#audit = this.#audit.filter((kept) => kept.atMs <= atMs);
  }
}
