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

interface Block {
  next: number;
  readonly end: number;
  readonly staleAtMs: number;
  readonly logId: LogId;
  readonly epoch: number;
}

/**
 * Gids that the coordinator has given to this session, so that a transaction begins without a word.
 * A coordinator that does not know of it never answers; then there are none.
 */
export class GidSupply {
  readonly #ambient: Ambient;
  readonly #link: Link;
  #blocks: Block[] = [];
  /** Where the rest of a block begins that will not be used, until the coordinator knows. */
  readonly #unused: number[] = [];
  #isAsking = false;
  #notBeforeMs = 0;

  constructor(link: Link, ambient: Ambient) {
    this.#link = link;
    this.#ambient = ambient;
  }

  /** A gid under which a transaction may begin; undefined when there is none at the moment. */
  take(): Gid | undefined {
    const nowMs = this.#ambient.nowMs();
    while (this.#blocks[0] && this.#blocks[0].staleAtMs < nowMs) this.#giveBack();
    const [block, spare] = this.#blocks;
    if (!spare && (!block || block.end - block.next < lowMark)) this.#askForMore(nowMs);
    if (!block) return undefined;
    const counter = block.next;
    block.next += 1;
    if (block.next === block.end) this.#blocks.shift();
    return formatGid(block.logId, { epoch: block.epoch, counter });
  }

  #giveBack(): void {
    const block = this.#blocks.shift();
    if (block) this.#unused.push(block.next);
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
    const { logId, epoch } = this.#link.welcome ?? { logId: '', epoch: 0 };
    const log = { logId: parseLogId(logId), epoch };
    this.#blocks.push({ next: first, end: first + count, staleAtMs, ...log });
  }
}
