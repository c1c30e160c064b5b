import Database from 'better-sqlite3';
import { fc } from '../../support/fast-check.ts';
import { expect, test } from 'vitest';
import {
  openQueue,
  type Queue,
  type QueueMessage,
  type SqliteQueue,
  sqliteQueue,
} from '../../../participant-sdk/src/sqlite-queue/index.ts';
import { type TempDir, tempDir } from '../../support/temp-dir.ts';
import { TestCoordinator, type TestTransaction } from '../support/test-coordinator.ts';
import { type ModelLease, QueueModel } from './queue-model.ts';

const maxDeliveries = 3;
const visibilityMs = 1_000;

/** A step; `pick` chooses one of what is there by the remainder. */
type Step =
  | { readonly do: 'prepare'; readonly count: number; readonly delayMs: number }
  | { readonly do: 'commit' | 'abort' | 'repeat-commit'; readonly pick: number }
  | { readonly do: 'receive'; readonly max: number }
  | { readonly do: 'acknowledge' | 'extend' | 'bury'; readonly pick: number }
  | { readonly do: 'release'; readonly pick: number; readonly delayMs: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'redrive' | 'reopen' };

const pick = fc.nat({ max: 20 });
const delayMs = fc.constantFrom(0, 400, 1_500);
const doing = <K extends string>(...kinds: readonly K[]) => fc.constantFrom<K>(...kinds);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: doing('prepare'), count: fc.integer({ min: 1, max: 3 }), delayMs }),
  },
  { weight: 4, arbitrary: fc.record({ do: doing('commit'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: doing('abort', 'repeat-commit'), pick }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: doing('receive'), max: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: doing('acknowledge', 'extend', 'bury'), pick }) },
  { weight: 3, arbitrary: fc.record({ do: doing('release'), pick, delayMs }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: doing('wait'), ms: fc.constantFrom(1, 400, 999, 1_000, 2_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: doing('redrive', 'reopen') }) },
);

/** A lease of the life before a redrive: as often delivered as the one of now, and not held. */
const staleAfterRedrive: Step[] = [
  { do: 'prepare', count: 1, delayMs: 0 },
  { do: 'commit', pick: 0 },
  { do: 'receive', max: 1 },
  { do: 'bury', pick: 0 },
  { do: 'redrive' },
  { do: 'receive', max: 1 },
  { do: 'acknowledge', pick: 1 },
];

interface Prepared {
  readonly transaction: TestTransaction;
  readonly ids: readonly string[];
  readonly delayMs: number;
}

/** Runs the same steps on the queue and on the model, and compares after each. */
class Run {
  readonly #dir: TempDir = tempDir();
  readonly #model = new QueueModel(maxDeliveries);
  readonly #coordinator = new TestCoordinator();
  readonly #prepared: Prepared[] = [];
  readonly #committed: Prepared[] = [];
  readonly #leases: { readonly message: QueueMessage; readonly inModel: ModelLease }[] = [];
  readonly #reached: Map<string, number>;
  #writer!: SqliteQueue;
  #reader!: Queue;

  constructor(reached: Map<string, number>) {
    this.#reached = reached;
  }

  async all(steps: readonly Step[]): Promise<void> {
    try {
      await this.#open();
      for (const next of steps) {
        await this.#take(next);
        await this.#compare();
      }
    } finally {
      await this.#close();
      this.#dir.remove();
    }
  }

  async #open(): Promise<void> {
    const options = { file: this.#dir.file('queue.db'), Database, now: () => this.#model.nowMs };
    this.#writer = await this.#coordinator.serve(sqliteQueue({ rm: 'events', ...options }));
    this.#reader = await openQueue({ ...options, maxDeliveries });
  }

  async #close(): Promise<void> {
    await this.#writer.close();
    await this.#reader.close();
  }

  async #take(next: Step): Promise<void> {
    switch (next.do) {
      case 'prepare':
        return this.#prepare(next.count, next.delayMs);
      case 'commit':
      case 'abort':
      case 'repeat-commit':
        return this.#decide(next.do, next.pick);
      case 'receive':
        return this.#receive(next.max);
      case 'acknowledge':
      case 'extend':
      case 'bury':
        return this.#onLease(next.do, next.pick, 0);
      case 'release':
        return this.#onLease(next.do, next.pick, next.delayMs);
      case 'wait':
        this.#model.nowMs += next.ms;
        return;
      case 'redrive':
        expect(await this.#reader.redrive('t')).toBe(this.#model.redrive());
        return;
      case 'reopen':
        await this.#close();
        await this.#open();
    }
  }

  async #prepare(count: number, delay: number): Promise<void> {
    const transaction = await this.#coordinator.begin(async () => {
      for (let n = 0; n < count; n++) await this.#writer.publish('t', n, { delayMs: delay });
    });
    await transaction.prepare();
    const ids = Array.from({ length: count }, (_, n) => `${transaction.gid}/1/${n}`);
    this.#prepared.push({ transaction, ids, delayMs: delay });
  }

  async #decide(outcome: 'commit' | 'abort' | 'repeat-commit', index: number): Promise<void> {
    const list = outcome === 'repeat-commit' ? this.#committed : this.#prepared;
    const chosen = list[index % Math.max(1, list.length)];
    if (!chosen) return;
    this.#reach(outcome);
    const { transaction, ids } = chosen;
    const id = { gid: transaction.gid, branch: 1, rm: 'events', incarnation: '1' };
    if (outcome === 'abort') {
      expect(await this.#writer.abort(id, '')).toEqual({ result: 'rolled-back' });
    } else {
      const decided = { receipt: '', redo: new Uint8Array(), epoch: 1, seq: 1, lowWaterSeq: 0 };
      expect(await this.#writer.commit(id, decided)).toEqual({ result: 'committed' });
    }
    if (outcome === 'repeat-commit') return;
    this.#prepared.splice(this.#prepared.indexOf(chosen), 1);
    if (outcome === 'commit') {
      this.#model.publish(ids, chosen.delayMs);
      this.#committed.push(chosen);
    }
  }

  async #receive(max: number): Promise<void> {
    const received = await this.#reader.receive({ topic: 't', max, visibilityMs });
    const leases = received.map(({ id, deliveries }) => ({ id, deliveries }));
    const inModel = this.#model.receive(max, visibilityMs);
    expect(leases).toEqual(inModel.map(({ id, deliveries }) => ({ id, deliveries })));
    if (leases.some(({ deliveries }) => deliveries > 1)) this.#reach('redelivery');
    for (const [n, lease] of inModel.entries()) {
      const message = received[n];
      if (message) this.#leases.push({ message, inModel: lease });
    }
  }

  async #onLease(
    kind: 'acknowledge' | 'extend' | 'bury' | 'release',
    index: number,
    delay: number,
  ): Promise<void> {
    const lease = this.#leases.at(-1 - (index % Math.max(1, this.#leases.length)));
    if (!lease) return;
    const { message, inModel } = lease;
    const real = {
      acknowledge: () => this.#reader.acknowledge(message),
      extend: () => this.#reader.extend(message, visibilityMs),
      bury: () => this.#reader.bury(message, 'x'),
      release: () => this.#reader.release(message, { delayMs: delay }),
    };
    const model = {
      acknowledge: () => this.#model.acknowledge(inModel),
      extend: () => this.#model.extend(inModel, visibilityMs),
      bury: () => this.#model.bury(inModel),
      release: () => this.#model.release(inModel, delay),
    };
    const isHeld = await real[kind]();
    expect(isHeld).toBe(model[kind]());
    this.#reach(isHeld ? kind : `${kind} fenced`);
  }

  async #compare(): Promise<void> {
    const expected = this.#model.stats();
    const preparedCount = this.#prepared.reduce((sum, { ids }) => sum + ids.length, 0);
    const [stats] = await this.#reader.stats();
    if (stats) expect(stats).toMatchObject({ ...expected, prepared: preparedCount });
    else expect(expected.published + preparedCount).toBe(0);
    const { published, acknowledged, ready, delayed, leased, dead } = expected;
    expect(published).toBe(acknowledged + ready + delayed + leased + dead);
    const letters = await this.#reader.deadLetters({ topic: 't' });
    expect(letters.map(({ id }) => id)).toEqual(this.#model.deadIds());
    if (dead > 0) this.#reach('dead');
    expect((await this.#writer.scan()).length).toBe(this.#prepared.length);
  }

  #reach(what: string): void {
    this.#reached.set(what, (this.#reached.get(what) ?? 0) + 1);
  }
}

test('any steps do to the queue what they do to the model', async () => {
  const reached = new Map<string, number>();
  const steps = fc.array(step, { minLength: 1, maxLength: 40, size: 'max' });
  const property = fc.asyncProperty(steps, (taken) => new Run(reached).all(taken));
  await fc.assert(property, { numRuns: 60, examples: [[staleAfterRedrive]] });
  const kinds = ['acknowledge', 'extend', 'release', 'bury'];
  const wanted = ['commit', 'abort', 'repeat-commit', 'redelivery', 'dead', ...kinds];
  for (const what of [...wanted, ...kinds.map((kind) => `${kind} fenced`)]) {
    expect(reached.get(what) ?? 0, `${what} was never reached`).toBeGreaterThan(0);
  }
}, 60_000);
