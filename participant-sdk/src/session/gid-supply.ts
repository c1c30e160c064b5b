import { formatGid, type Gid, type LogId, parseLogId, type Reserved } from '@unanimous/proto';
import type { Ambient } from '../ambient.ts';
import type { Link } from './link.ts';

/** Gids at hand below which more are asked for: at least, and where thousands begin at once. */
const lowMark = { least: 128, most: 8_192 };

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
  /** Requests under way, and how many gids each will bring; 0: nobody knows yet. */
  #asked = 0;
  #blockSize = 0;
  #atHand = 0;
  /** Grows when there were too few, so that the next time there are enough. */
  #lowMark = lowMark.least;
  #notBeforeMs = 0;

  constructor(link: Link, ambient: Ambient) {
    this.#link = link;
    this.#ambient = ambient;
  }

  /** A gid under which a transaction may begin; undefined when there is none at the moment. */
  take(): Gid | undefined {
    const nowMs = this.#ambient.nowMs();
    while (this.#blocks[0] && this.#blocks[0].staleAtMs < nowMs) this.#giveBack();
    const [block] = this.#blocks;
    if (!block && this.#blockSize > 0) {
      this.#lowMark = Math.min(2 * this.#lowMark, lowMark.most);
    }
    this.#askForMore(nowMs);
    if (!block) return undefined;
    const counter = block.next;
    block.next += 1;
    this.#atHand -= 1;
    if (block.next === block.end) this.#blocks.shift();
    return formatGid(block.logId, { epoch: block.epoch, counter });
  }

  #giveBack(): void {
    const block = this.#blocks.shift();
    if (!block) return;
    this.#unused.push(block.next);
    this.#atHand -= block.end - block.next;
    this.#lowMark = Math.max(lowMark.least, this.#lowMark / 2);
  }

  #askForMore(nowMs: number): void {
    const isEnough = () => this.#atHand + this.#asked * this.#blockSize >= this.#lowMark;
    while (!isEnough() && nowMs >= this.#notBeforeMs) {
      if (this.#asked > 0 && this.#blockSize === 0) return;
      this.#ask();
    }
  }

  #ask(): void {
    this.#asked += 1;
    this.#link.request(
      'reserves',
      { unusedFrom: this.#unused.shift() ?? 0 },
      {
        answer: (block) => this.#reserved(block),
        refuse: () => {
          this.#asked -= 1;
          this.#notBeforeMs = this.#ambient.nowMs() + againMs;
        },
      },
    );
  }

  #reserved({ first, count }: Reserved): void {
    this.#asked -= 1;
    this.#atHand += count;
    this.#blockSize = count;
    const staleAtMs = this.#ambient.nowMs() + freshMs;
    const { logId, epoch } = this.#link.welcome ?? { logId: '', epoch: 0 };
    const log = { logId: parseLogId(logId), epoch };
    this.#blocks.push({ next: first, end: first + count, staleAtMs, ...log });
  }
}
