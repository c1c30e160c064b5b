import { waitUntil } from '../../support/wait-until.ts';
import { PositionLock } from './position-lock.ts';
import type { Scene } from './scene.ts';

/**
 * A transaction of a scene that is decided, and whose branch in the orders' database is prepared and
 * not committed yet. The first one of its scene: see PositionLock.
 */
export class HeldTransaction implements AsyncDisposable {
  readonly gid: string;
  /** Name of the branch, as Postgres lists it. */
  readonly branch: string;
  readonly #scene: Scene;
  readonly #lock: PositionLock;
  readonly #result: Promise<unknown>;

  private constructor(
    scene: Scene,
    lock: PositionLock,
    names: { readonly gid: string; readonly branch: string },
    result: Promise<unknown>,
  ) {
    this.gid = names.gid;
    this.branch = names.branch;
    this.#scene = scene;
    this.#lock = lock;
    this.#result = result;
  }

  /** Commits `work` and an event, so that there are two branches, and holds it there. */
  static async hold(scene: Scene, work: () => Promise<void>): Promise<HeldTransaction> {
    const { tm } = scene.orders;
    const lock = await PositionLock.take(scene.databases.ordersUrl);
    let gid = '';
    const result = tm.transaction(async (transaction) => {
      gid = transaction.gid;
      await work();
      await scene.orders.publish(gid);
    });
    result.catch(() => {}); // who lets it go sees it
    const isDecided = async () => (await scene.admin.list('committing')).length === 1;
    await Promise.race([result, waitUntil(isDecided, { what: 'a decided transaction' })]);
    const [branch = 'none is prepared'] = await scene.prepared('orders');
    return new HeldTransaction(scene, lock, { gid, branch }, result);
  }

  /** Lets it go on and waits until it is applied. */
  async release(): Promise<void> {
    await this.#lock.release();
    await this.#result;
    const isApplied = async () => {
      const { outcome, applied } = await this.#scene.orders.tm.outcome(this.gid);
      return outcome === 'committed' && applied;
    };
    await waitUntil(isApplied, { what: 'the transaction to be applied', timeoutMs: 20_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock.release();
  }
}
