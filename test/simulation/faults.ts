import { endByHand, endInOutage, resolveHeuristics } from './operators.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { Simulation } from './simulation.ts';

/** Makes things go wrong, as planned. */
export class Faults {
  /** How many were injected. */
  injected = 0;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  inject(fault: FaultPlan): void {
    const { tell } = this.#simulation;
    this.injected += 1;
    if (fault.kind.includes('coordinator') || fault.kind.startsWith('log')) {
      this.#atCoordinator(fault);
    } else if (fault.kind.includes('service')) this.#atService(fault);
    else if (['reset', 'half-open', 'one-way', 'stall', 'partition'].includes(fault.kind)) {
      this.#atNetwork(fault);
    } else this.#elsewhere(fault);
    tell?.(`— fault: ${fault.kind}`);
  }

  #atCoordinator({ kind, forMs, boundary, choice }: FaultPlan): void {
    const { coordinatorNode: node, clock, marks, tell } = this.#simulation;
    switch (kind) {
      case 'crash-coordinator':
        return node.crash();
      case 'crash-coordinator-at':
        if (node.process && boundary) this.#simulation.arm(node.process, boundary);
        return;
      case 'pause-coordinator': {
        const { process } = node;
        if (!process?.isAlive) return;
        marks.hit('process.paused');
        tell?.(`${process.name} is frozen`);
        process.pause();
        if (choice < 0.3) clock.after(forMs / 2, () => node.supersede());
        clock.after(forMs, () => process.wake());
        return;
      }
      case 'drain-coordinator':
        return node.drain(forMs);
      case 'log-write-fails':
        return node.fail('write');
      case 'log-sync-fails':
        return node.fail('sync');
      case 'log-tears':
        return node.fail('tear');
      case 'log-full':
        return node.fill(forMs);
      default:
    }
  }

  #atService({ kind, target, forMs, boundary }: FaultPlan): void {
    const { services, clock, marks, tell } = this.#simulation;
    const node = services[target % services.length];
    const process = node?.service?.process;
    if (!node || !process) return;
    switch (kind) {
      case 'crash-service':
        return node.crash();
      case 'crash-service-at':
        if (boundary) this.#simulation.arm(process, boundary);
        return;
      case 'pause-service':
        marks.hit('process.paused');
        tell?.(`${process.name} is frozen`);
        process.pause();
        clock.after(forMs, () => process.wake());
        return;
      case 'close-service':
        return node.close();
      default:
    }
  }

  #atNetwork({ kind, target, forMs, choice }: FaultPlan): void {
    const { services, network, clock, marks } = this.#simulation;
    const node = services[target % services.length];
    if (!node) return;
    const connections = network.of(node.name);
    switch (kind) {
      case 'reset':
        marks.hit('net.reset');
        for (const one of connections) one.reset();
        return;
      case 'half-open':
        marks.hit('net.half-open');
        for (const one of connections) one.halfOpen(choice);
        return;
      case 'one-way':
        marks.hit('net.one-way');
        for (const one of connections) one.oneWay(choice);
        return;
      case 'stall':
        marks.hit('net.stalled');
        for (const one of connections) one.stall(forMs, choice);
        return;
      case 'partition':
        marks.hit('net.partition');
        network.partition(node.name, clock.nowMs + forMs);
        for (const one of connections) one.blackhole();
        return;
      default:
    }
  }

  #elsewhere({ kind, target, forMs, choice }: FaultPlan): void {
    const { databases, targets, coordinatorNode, clock } = this.#simulation;
    const database = databases[target % databases.length];
    switch (kind) {
      case 'supersede':
        return coordinatorNode.supersede();
      case 'restart-rm':
        return database?.restart(forMs);
      case 'slow-rm':
        return database?.slow(forMs);
      case 'by-hand':
        if (database) endByHand(database, choice);
        return;
      case 'by-hand-in-outage':
        if (database) endInOutage(this.#simulation, database, choice);
        return;
      case 'forget-receipts':
        return database?.forgetReceipts();
      case 'restore-rm':
        if (database) this.#simulation.restore(database, clock.nowMs * choice);
        return;
      case 'clock-jumps':
        return coordinatorNode.jumpClock((choice - 0.5) * 1e10);
      case 'target-down':
        if (targets.length > 0) targets[target % targets.length]?.down(forMs);
        return;
      case 'resolve':
        resolveHeuristics(this.#simulation);
        return;
      default:
    }
  }
}
