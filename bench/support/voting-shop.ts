import { type Transaction, TransactionClient } from '@unanimous/participant-sdk';
import { Admin } from '../../examples/support/admin.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { closedLoop } from '../load.ts';
import { BuiltCoordinator } from './built-coordinator.ts';
import { cpuTimeOf, cpuTimeUs } from './cpu-time.ts';
import { VotingResource } from './voting-resource.ts';

/** What a shop is made of. */
export interface VotingShopOptions {
  readonly participants: number;
  readonly payloadBytes?: number;
  /** Further arguments of `unanimous serve`. */
  readonly args?: readonly string[];
}

/** A coordinator of its own, and one process with so many participants that only vote. */
export class VotingShop implements AsyncDisposable {
  readonly coordinator: BuiltCoordinator;
  readonly dataDir: string;
  readonly #tm: TransactionClient;
  readonly #resources: readonly VotingResource[];
  readonly #remove: () => void;

  private constructor(
    coordinator: BuiltCoordinator,
    tm: TransactionClient,
    resources: readonly VotingResource[],
    folder: { readonly dataDir: string; readonly remove: () => void },
  ) {
    this.coordinator = coordinator;
    this.dataDir = folder.dataDir;
    this.#tm = tm;
    this.#resources = resources;
    this.#remove = folder.remove;
  }

  static async open(options: VotingShopOptions): Promise<VotingShop> {
    const { participants, payloadBytes = 0, args = [] } = options;
    const folder = tempDir('unanimous-bench-');
    const dataDir = folder.file('coordinator');
    const coordinator = await BuiltCoordinator.launch(dataDir, ...args);
    const tm = new TransactionClient({ address: coordinator.address, service: 'bench' });
    const resources = await Promise.all(
      Array.from({ length: participants }, (_, index) =>
        tm.serve(new VotingResource(`rm-${index}`, payloadBytes)),
      ),
    );
    const kept = { dataDir, remove: () => folder.remove() };
    const shop = new VotingShop(coordinator, tm, resources, kept);
    await shop.#warmUp();
    return shop;
  }

  /** Code that has run little is slower by far: a new coordinator would look dear beside an old one. */
  async #warmUp(): Promise<void> {
    const count = 2_000;
    const atOnce = 8;
    const worker = async () => {
      for (let done = 0; done < count / atOnce; done++) await this.transaction();
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  /** One transaction in which all participants take part. */
  async transaction(): Promise<void> {
    await this.#tm.transaction(() => Promise.all(this.#resources.map((one) => one.write())), {
      timeoutMs: 60_000,
    });
  }

  /** Begins so many in which all take part, and waits until the coordinator knows of each. */
  async begin(count: number): Promise<readonly Transaction[]> {
    const begun: Transaction[] = [];
    while (begun.length < count) {
      const transaction = await this.#tm.begin({ timeoutMs: 600_000 });
      await transaction.run(() => Promise.all(this.#resources.map((one) => one.write())));
      begun.push(transaction);
    }
    using admin = new Admin(this.coordinator.address);
    const areKnown = async () => (await admin.status()).active === count;
    await waitUntil(areKnown, { what: `the coordinator to know of ${count} transactions` });
    return begun;
  }

  /** Runs transactions, and answers the CPU time of each, of both processes, in microseconds. */
  async cpuUsOfOne(inFlight: number, durationMs: number): Promise<number> {
    let count = 0;
    const us = await this.cpuUsOf(async () => {
      const { latencyUs } = await closedLoop(() => this.transaction(), { inFlight, durationMs });
      count = latencyUs?.totalCount ?? 0;
    });
    return us / Math.max(1, count);
  }

  /** Runs transactions, and answers the CPU time of each, of the coordinator alone, in microseconds. */
  async coordinatorUsOfOne(inFlight: number, durationMs: number): Promise<number> {
    const beforeUs = cpuTimeUs(this.coordinator.pid);
    const { latencyUs } = await closedLoop(() => this.transaction(), { inFlight, durationMs });
    const us = cpuTimeUs(this.coordinator.pid) - beforeUs;
    return us / Math.max(1, latencyUs?.totalCount ?? 0);
  }

  /** CPU time of this process and the coordinator while `work` runs, in microseconds. */
  cpuUsOf(work: () => Promise<void>): Promise<number> {
    return cpuTimeOf(work, this.coordinator.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tm.close();
    await this.coordinator[Symbol.asyncDispose]();
    this.#remove();
  }
}
