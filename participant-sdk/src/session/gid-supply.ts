import { formatGid, type Gid, type LogId, parseLogId, type Reserved } from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import type { Link } from './link.ts';

/** Gids of a block that are left, below which the next one is asked for. */
const lowMark = 128;

/**
 * How long the gids of a block are used. What the log has forgotten is told by its birth, so a
 * transaction should not look much older than it is.
 */
const freshMs = 30_000;

/** Pause after a refusal. */
const againMs = 1_000;

/** Gids in a row. */
export interface GidBlock {
  readonly logId: LogId;
  readonly epoch: number;
  readonly first: number;
  next: number;
  readonly end: number;
  readonly staleAtMs: number;
  /** Transactions under its gids that are not over. */
  open: number;
}

/** A gid for a transaction, to be given back by `over` when that has ended, told or not. */
export interface TakenGid {
  readonly gid: Gid;
  readonly block: GidBlock;
}

/**
 * Gids that the coordinator has given to this session, so that a transaction begins without a word.
 * A coordinator that does not know of it never answers; then there are none.
 */
export class GidSupply {
  readonly #ambient: Ambient;
  readonly #link: Link;
  #blocks: GidBlock[] = [];
  /**
   * Where blocks begin that are used no more, until the coordinator knows: what it was not told of in
   * them has ended.
   */
  readonly #unused: number[] = [];
  #isAsking = false;
  #notBeforeMs = 0;

  constructor(link: Link, ambient: Ambient) {
    this.#link = link;
    this.#ambient = ambient;
  }

  /** A gid under which a transaction may begin; undefined when there is none at the moment. */
  take(): TakenGid | undefined {
    const nowMs = this.#ambient.nowMs();
    while (this.#blocks[0] && this.#blocks[0].staleAtMs < nowMs) this.#retire();
    const [block, spare] = this.#blocks;
    if (!spare && (!block || block.end - block.next < lowMark)) this.#askForMore(nowMs);
    if (!block) return undefined;
    const counter = block.next;
    block.next += 1;
    block.open += 1;
    if (block.next === block.end) this.#blocks.shift();
    const { logId, epoch } = block;
    return { gid: formatGid(logId, { epoch, counter }), block };
  }

  /**
   * A transaction under a gid of this block is over, and nothing of it is on its way: with the last
   * one the coordinator may take for used up what it was not told of.
   */
  over(block: GidBlock): void {
    block.open -= 1;
    if (block.open === 0 && !this.#blocks.includes(block)) this.#unused.push(block.first);
  }

  #retire(): void {
    const block = this.#blocks.shift();
    if (block?.open === 0) this.#unused.push(block.first);
  }

  #askForMore(nowMs: number): void {
    if (this.#isAsking || nowMs < this.#notBeforeMs) return;
    this.#isAsking = true;
    this.#link.request(
      'reserves',
      { unusedFrom: this.#unused.shift() ?? 0 },
      {
        answer: (block) => this.#reserved(block),
        refuse: () => {
          this.#isAsking = false;
          this.#notBeforeMs = this.#ambient.nowMs() + againMs;
        },
      },
    );
  }

  #reserved({ first, count }: Reserved): void {
    this.#isAsking = false;
    const staleAtMs = this.#ambient.nowMs() + freshMs;
    const { welcome } = this.#link;
    const logId = parseLogId(welcome?.logId ?? '');
    const epoch = welcome?.epoch ?? 0;
    const end = first + count;
    this.#blocks.push({ logId, epoch, first, next: first, end, staleAtMs, open: 0 });
  }
}
