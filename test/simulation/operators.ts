import type { SimDatabase } from './sim-database.ts';
import type { Simulation } from './simulation.ts';

/** Somebody ends prepared branches with psql. */
export function endByHand(database: SimDatabase, choice: number): void {
  database.withPrepared((rows) => {
    const from = Math.floor(choice * rows.length);
    for (const [index, row] of rows.slice(from, from + 3).entries()) {
      const to = (choice * 7_919 + index / 2) % 1 < 0.5 ? 'committed' : 'rolled-back';
      database.endRowByHand(row, to, row.xid % 2 === 0);
    }
  });
}

/** Without a coordinator, and maybe without those who hold the branches, people help themselves. */
export function endInOutage(
  { coordinatorNode }: Simulation,
  database: SimDatabase,
  choice: number,
): void {
  database.withPrepared((rows) => {
    coordinatorNode.crash();
    const isHolderDown = choice < 0.3;
    const to = (choice * 7) % 1 < 0.8 ? 'committed' : 'rolled-back';
    for (const row of rows) {
      if (isHolderDown) row.owner.kill();
      database.endRowByHand(row, to, isHolderDown);
    }
  });
}

/** An operator looks into the databases, and says what is true. */
export function resolveHeuristics({ coordinatorNode, databases, queues, marks }: Simulation): void {
  const { coordinator } = coordinatorNode;
  if (!coordinator || coordinator.failure) return;
  for (const { state } of coordinator.transactions.all()) {
    for (const { branch, rm, state: is } of state.branches) {
      if (is.is !== 'heuristic') continue;
      const database = databases.find((one) => one.rm === rm);
      const queue = queues.find((one) => one.rm === rm);
      const isShown = database
        ? database.rowsOf(state.gid).length > 0
        : queue?.shown(state.gid).length !== 0;
      const by = { operator: 'ops', reason: 'looked into the database' };
      const resolution = isShown ? 'committed' : 'rolled-back';
      marks.hit('operator.resolved');
      coordinator.operations.resolve(state.gid, branch, resolution, by).catch(() => undefined);
    }
  }
}
