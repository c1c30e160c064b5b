import { TransactionClient } from '../../participant-sdk/src/client/transaction-client.ts';
import type { DefinedResource } from '../../participant-sdk/src/define-resource.ts';
import type { Logger } from '../../participant-sdk/src/logger.ts';
import type { SqliteQueue } from '../../participant-sdk/src/sqlite-queue/sqlite-queue.ts';
import { SimDatabaseResource } from './sim-database-resource.ts';
import type { SimProcess } from './sim-process.ts';
import type { Effect } from './sim-target.ts';
import type { Simulation } from './simulation.ts';

/** One incarnation of a service. */
export interface Service {
  readonly process: SimProcess;
  readonly tm: TransactionClient;
  readonly databases: ReadonlyMap<number, SimDatabaseResource>;
  readonly targets: ReadonlyMap<number, DefinedResource<Effect>>;
  readonly queues: ReadonlyMap<number, SqliteQueue>;
}

/** A service that embeds the SDK: one process after another. */
export class ServiceNode {
  readonly name: string;
  readonly serves: readonly number[];
  service: Service | undefined;
  /** People keep it stopped. */
  #isHeld = false;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation, index: number, serves: readonly number[]) {
    this.#simulation = simulation;
    this.name = `service${index + 1}`;
    this.serves = serves;
  }

  start(): void {
    if (this.service || this.#isHeld) return;
    const simulation = this.#simulation;
    const { marks, plan, rates } = simulation;
    const { world } = plan;
    const process = simulation.newProcess(this.name);
    const ambient = process.ambient();
    const { scanIntervalMs, timeoutMs, waitAppliedMs, connectTimeoutMs } = world;
    const tm = new TransactionClient({
      service: this.name,
      transport: simulation.network.transport(process),
      ambient,
      scanIntervalMs,
      timeoutMs,
      waitAppliedMs,
      connectTimeoutMs,
      ...(simulation.tell && { logger: this.#logger(process) }),
    });
    const databases = new Map<number, SimDatabaseResource>();
    const targets = new Map<number, DefinedResource<Effect>>();
    const queues = new Map<number, SqliteQueue>();
    const { natives, logged } = world;
    for (const rm of this.serves) {
      const database = simulation.databases[rm];
      const target = simulation.targets[rm - natives];
      const queue = simulation.queues[rm - natives - logged];
      if (database) {
        const client = { process, database, marks, rates };
        databases.set(rm, new SimDatabaseResource(client, world.onePhase));
      } else if (target) {
        const { maxPayloadBytes, applyTimeoutMs } = world;
        targets.set(rm, target.resource(process, ambient, { maxPayloadBytes, applyTimeoutMs }));
      } else if (queue) {
        queues.set(rm, queue.resource(process));
      }
    }
    this.service = { process, tm, databases, targets, queues };
    process.onDeath(() => {
      if (this.service?.process !== process) return;
      for (const database of simulation.databases) {
        for (const row of database.prepared) {
          if (row.owner === process) marks.hit('rm.in-doubt-at-crash');
        }
      }
      if (this.service) simulation.workload.died(this.service.process);
      this.service = undefined;
      simulation.clock.after(simulation.random.delay(1, 500), () => this.start());
    });
    for (const resource of [...databases.values(), ...targets.values(), ...queues.values()]) {
      void this.#serve(process, tm, resource);
    }
  }

  /** Log lines of the SDK, for the story. */
  #logger(process: SimProcess): Logger {
    const say = (fields: object) => {
      if (!process.isAlive) return;
      const { event, gid = '', rm = '' } = fields as Record<string, string>;
      this.#simulation.tell?.(`${process.name} logs ${event} ${gid} ${rm}`.trim());
    };
    return { debug: say, info: say, warn: say, error: say };
  }

  /** As a service would: again, until it is served. */
  async #serve(
    process: SimProcess,
    tm: TransactionClient,
    resource: Parameters<TransactionClient['serve']>[0],
  ): Promise<void> {
    for (;;) {
      try {
        await tm.serve(resource);
        return;
      } catch (error) {
        if ((error as { code?: string }).code === 'closed') return;
        await new Promise<void>((resolve) => process.after(50, resolve));
      }
    }
  }

  crash(): void {
    this.#simulation.tell?.(`${this.name} dies`);
    this.#simulation.marks.hit('service.crashed');
    this.service?.process.kill();
  }

  /** It is stopped, and stays so until it is released. */
  hold(): void {
    this.#isHeld = true;
    this.service?.process.kill();
  }

  release(): void {
    this.#isHeld = false;
    this.start();
  }

  /** Stops in peace; the process ends when the client is closed. */
  close(): void {
    const { service } = this;
    if (!service) return;
    this.#simulation.tell?.(`${this.name} is stopped in peace`);
    this.#simulation.marks.hit('service.closed');
    void service.tm.close().then(() => service.process.kill());
  }
}
