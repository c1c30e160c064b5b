import type { Transaction, UnanimousError } from '@unanimous/participant-sdk';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Command, Reached } from './runs.ts';
import type { Service, SessionWorld } from './session-world.ts';

/** Where a transaction writes. */
export type Place = 'orders' | 'stock' | 'mail';

/** A transaction as those who began it know it. */
export interface ModelTransaction {
  readonly name: string;
  readonly transaction: Transaction;
  readonly service: number;
  readonly places: readonly Place[];
  isOver: boolean;
  /** Commit was asked for. */
  isAsked: boolean;
  /** A connection or the coordinator was lost while it was open, so that it may abort. */
  isFaulted: boolean;
  /** One of its branches has voted no. */
  hasNo: boolean;
  /** Its stock was rolled back by hand. */
  isByHand: boolean;
  told: 'committed' | 'aborted' | undefined;
}

/** All that anybody was told. */
export class SessionModel {
  readonly transactions: ModelTransaction[] = [];

  get open(): ModelTransaction[] {
    return this.transactions.filter(({ isOver }) => !isOver);
  }

  get over(): ModelTransaction[] {
    return this.transactions.filter(({ isOver }) => isOver);
  }

  /** AC2: nobody ever hears two different outcomes. */
  tell(one: ModelTransaction, outcome: 'committed' | 'aborted'): void {
    expect(outcome, `AC2: ${one.name} was told otherwise before`).toBe(one.told ?? outcome);
    one.told = outcome;
  }
}

type SessionCommand = Command<SessionModel, SessionWorld>;

const at = <T>(list: readonly T[], pick: number) => list[pick % list.length] as T;

function begin(pick: number, places: readonly Place[], reached: Reached): SessionCommand {
  return {
    check: (model) => model.open.length < 8,
    toString: () => `begin at ${pick % 2}, writing to ${places.join()}`,
    async run(model, world) {
      const service = at(world.services, pick);
      const transaction = await service.tm.begin();
      const name = `t${model.transactions.length}`;
      await transaction.run(async () => {
        for (const place of places) await service[place].write(name);
      });
      const state = { isOver: false, isAsked: false, isFaulted: false, hasNo: false };
      const rest = { ...state, isByHand: false, told: undefined };
      model.transactions.push({ name, transaction, service: pick % 2, places, ...rest });
      reached.note('begun');
    },
  };
}

/** What happens while a transaction commits. */
type CommitFault = 'none' | 'no' | 'cut' | 'restart' | 'by hand' | 'effect again';

const canHave: Record<CommitFault, (one: ModelTransaction) => boolean> = {
  none: () => true,
  no: ({ places }) => places.includes('orders'),
  cut: ({ places }) => places.includes('orders'),
  restart: ({ places }) => places.includes('orders'),
  'by hand': ({ places }) => places.includes('orders') && places.includes('stock'),
  'effect again': ({ places }) => places.includes('mail'),
};

/** Lays a fault in the way of a transaction's commit; answers what to wait for afterwards. */
function lay(fault: CommitFault, one: ModelTransaction, world: SessionWorld) {
  const service = at(world.services, one.service);
  let restarting: Promise<void> | undefined;
  const whilePreparing = (act: () => Promise<void> | void) => {
    service.orders.hooks.prepare = (id) => {
      if (id.gid === one.transaction.gid) void act();
    };
  };
  if (fault === 'no') {
    whilePreparing(() => {
      one.hasNo = true;
      throw new Error('a constraint');
    });
  }
  if (fault === 'cut') whilePreparing(() => service.line.cut());
  if (fault === 'restart') whilePreparing(() => (restarting ??= world.restart()));
  if (fault === 'by hand') {
    one.isByHand = true;
    world.rollBackByHand(one.transaction.gid);
  }
  if (fault === 'effect again') world.applyFaults.add(one.name);
  return () => {
    delete service.orders.hooks.prepare;
    return restarting;
  };
}

function commit(pick: number, fault: CommitFault, reached: Reached): SessionCommand {
  return {
    check: (model) => model.open.some(canHave[fault]),
    toString: () => `commit ${pick}, fault: ${fault}`,
    async run(model, world) {
      const one = at(model.open.filter(canHave[fault]), pick);
      const isWhole = !one.isFaulted;
      const cleared = lay(fault, one, world);
      Object.assign(one, { isOver: true, isAsked: true });
      if (fault === 'cut') faultAll(model, one.service);
      if (fault === 'restart') faultAll(model);
      const code = await one.transaction.commit().then(
        () => 'committed',
        (error: UnanimousError) => error.code,
      );
      await cleared();
      reached.note(`${code}, fault: ${fault}`);
      const mayBe = isWhole ? expected[fault] : ['committed', 'aborted', 'unknown', 'heuristic'];
      expect(mayBe, `${one.name}, fault: ${fault}`).toContain(code);
      if (code === 'committed' || code === 'heuristic') model.tell(one, 'committed');
      else if (code !== 'unknown') model.tell(one, 'aborted');
    },
  };
}

/** AC3 and AC4: what a transaction that nothing befell before may come to. */
const expected: Record<CommitFault, readonly string[]> = {
  none: ['committed'],
  no: ['aborted'],
  cut: ['committed', 'aborted', 'unknown'],
  restart: ['committed', 'aborted', 'unknown'],
  'by hand': ['heuristic'],
  'effect again': ['committed'],
};

/** Open transactions of a service, or of all, may abort now. */
function faultAll(model: SessionModel, service?: number): void {
  for (const one of model.open) one.isFaulted ||= service === undefined || one.service === service;
}

function abort(pick: number, reached: Reached): SessionCommand {
  return {
    check: (model) => model.open.length > 0,
    toString: () => `abort ${pick}`,
    async run(model) {
      const one = at(model.open, pick);
      one.isOver = true;
      await one.transaction.abort();
      model.tell(one, 'aborted');
      reached.note('aborted');
    },
  };
}

/** Anybody asks, whoever began it. */
function ask(pick: number, reached: Reached): SessionCommand {
  return {
    check: (model) => model.over.length > 0,
    toString: () => `ask ${pick}`,
    async run(model, world) {
      const one = at(model.over, pick);
      const { outcome } = await at(world.services, pick).tm.outcome(one.transaction.gid);
      reached.note(`asked: ${outcome}`);
      if (outcome === 'committed' || outcome === 'aborted') model.tell(one, outcome);
    },
  };
}

function cut(pick: number, reached: Reached): SessionCommand {
  return {
    check: () => true,
    toString: () => `cut ${pick % 2}`,
    async run(model, world) {
      faultAll(model, pick % 2);
      (at(world.services, pick) satisfies Service).line.cut();
      reached.note('cut');
    },
  };
}

function restart(reached: Reached): SessionCommand {
  return {
    check: () => true,
    toString: () => 'restart the coordinator',
    async run(model, world) {
      faultAll(model);
      await world.restart();
      reached.note('restarted');
    },
  };
}

const allPlaces: readonly (readonly Place[])[] = [
  ['orders'],
  ['stock'],
  ['orders', 'stock'],
  ['orders', 'mail'],
  ['stock', 'mail'],
  ['orders', 'stock', 'mail'],
];

/** What can happen to sessions. */
export function sessionCommands(reached: Reached): fc.Arbitrary<SessionCommand>[] {
  const pick = fc.nat({ max: 100 });
  const often = <T>(times: number, arbitrary: T): T[] =>
    Array.from({ length: times }, () => arbitrary);
  const faults = Object.keys(canHave) as CommitFault[];
  return [
    ...often(
      6,
      fc
        .tuple(pick, fc.constantFrom(...allPlaces))
        .map(([one, places]) => begin(one, places, reached)),
    ),
    ...often(
      6,
      fc.tuple(pick, fc.constantFrom(...faults)).map(([one, fault]) => commit(one, fault, reached)),
    ),
    pick.map((one) => abort(one, reached)),
    ...often(
      2,
      pick.map((one) => ask(one, reached)),
    ),
    pick.map((one) => cut(one, reached)),
    fc.constant(restart(reached)),
  ];
}

/** One life that comes to every state, however few the runs are. */
export function wholeSessionLife(reached: Reached): SessionCommand[] {
  const all: readonly Place[] = ['orders', 'stock', 'mail'];
  const faults = Object.keys(canHave) as CommitFault[];
  return [
    ...faults.flatMap((fault, index) => [
      begin(index, all, reached),
      commit(0, fault, reached),
      ask(index, reached),
      ask(index + 1, reached),
    ]),
    begin(0, ['stock'], reached),
    commit(0, 'none', reached),
    begin(1, all, reached),
    cut(1, reached),
    commit(0, 'none', reached),
    begin(0, all, reached),
    restart(reached),
    ask(0, reached),
    begin(1, all, reached),
    abort(1, reached),
  ];
}

/** Everything that the runs must come to. */
export const sessionStates = [
  'begun',
  'committed, fault: none',
  'aborted, fault: no',
  'heuristic, fault: by hand',
  'committed, fault: effect again',
  'aborted',
  'asked: committed',
  'asked: aborted',
  'cut',
  'restarted',
];
