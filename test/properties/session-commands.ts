import type { UnanimousError } from '@unanimous/participant-sdk';
import { fc } from '../support/fast-check.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { Command, Reached } from './runs.ts';
import { heardFrom, type CommitFault, type ModelTransaction } from './session-model.ts';
import type { Place, SessionModel } from './session-model.ts';
import type { Service, SessionWorld } from './session-world.ts';

type SessionCommand = Command<SessionModel, SessionWorld>;

const at = <T>(list: readonly T[], pick: number) => list[pick % list.length] as T;

/** Who reads the gid of a transaction may hand it on, so that its one database does not decide alone. */
interface Begun {
  readonly places: readonly Place[];
  readonly isShown: boolean;
}

function begin(pick: number, { places, isShown }: Begun, reached: Reached): SessionCommand {
  return {
    check: (model) => model.open.length < 8,
    toString: () => `begin at ${pick % 2}, ${isShown ? 'shown, ' : ''}writing to ${places.join()}`,
    async run(model, world) {
      const service = at(world.services, pick);
      const transaction = await service.tm.begin();
      const name = `t${model.transactions.length}`;
      await transaction.run(async () => {
        for (const place of places) await service[place].write(name);
      });
      const gid = isShown ? transaction.gid : undefined;
      model.begin({ name, transaction, service: pick % 2, places, gid });
      reached.note('begun');
    },
  };
}

const canHave: Record<CommitFault, (one: ModelTransaction) => boolean> = {
  none: () => true,
  no: ({ places }) => places.includes('orders'),
  scanned: ({ places }) => places.includes('orders') && places.includes('stock'),
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
    service.orders.hooks.prepare = async (id) => {
      if (id.gid === one.transaction.gid) await act();
    };
  };
  if (fault === 'no') {
    whilePreparing(() => {
      one.hasNo = true;
      throw new Error('a constraint');
    });
  }
  if (fault === 'scanned') {
    whilePreparing(() => world.scannedBy(at(world.services, one.service + 1), one.transaction.gid));
  }
  if (fault === 'cut') whilePreparing(() => service.line.cut());
  if (fault === 'restart') {
    whilePreparing(() => {
      restarting ??= world.restart();
    });
  }
  if (fault === 'by hand') world.rollBackByHand(one.transaction.gid);
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
      const cleared = lay(fault, one, world);
      Object.assign(one, { isOver: true, isAsked: true, fault });
      if (fault === 'cut') faultAll(model, one.service);
      if (fault === 'restart') faultAll(model);
      const code = await one.transaction.commit().then(
        () => 'committed',
        (error: UnanimousError) => error.code,
      );
      await cleared();
      one.answer = code;
      reached.note(`fault: ${fault}`);
      reached.note(`${code}, fault: ${fault}`);
      if (one.places.join() === 'stock') reached.note(one.gid ? 'one phase' : 'at home');
      if (code === 'unknown') return;
      const isCommitted = code === 'committed' || code === 'heuristic';
      const heuristics = code === 'heuristic' ? [byHand] : [];
      const outcome = isCommitted ? 'committed' : 'aborted';
      one.heard.push({ outcome, heuristics, isForgotten: false });
    },
  };
}

/** What is told of a branch that was ended by hand. */
const byHand = 'stock-db rolled-back';

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
      one.heard.push({ outcome: 'aborted', heuristics: [], isForgotten: false });
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
      const answer = await at(world.services, pick).tm.outcome(one.transaction.gid);
      reached.note(`asked: ${answer.outcome}`);
      if (one.forgotten !== undefined) reached.note('asked after it was forgotten');
      one.heard.push(heardFrom(one, answer));
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

/** All that has ended is forgotten. */
function forget(reached: Reached): SessionCommand {
  return {
    check: (model) => model.over.some(({ answer }) => answer === 'committed'),
    toString: () => 'forget what has ended',
    async run(model, world) {
      faultAll(model);
      await world.restart({ retainOutcomesMs: 10 });
      const first = model.over.findLast(({ answer }) => answer === 'committed');
      const [{ tm }] = world.services as [Service];
      const isForgotten = async () => {
        const gid = first?.transaction.gid;
        return gid !== undefined && (await tm.outcome(gid)).outcome !== 'committed';
      };
      await waitUntil(isForgotten, { what: 'the outcomes to be forgotten' });
      await world.restart();
      // Those that were open have died with the coordinator.
      for (const one of model.transactions) {
        const { outcome } = await tm.outcome(one.transaction.gid);
        const isGone = outcome === 'expired' || one === first;
        if (isGone) one.forgotten ??= JSON.stringify(world.rowsOf(one.name));
      }
      reached.note('forgotten');
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
        .tuple(pick, fc.constantFrom(...allPlaces), fc.boolean())
        .map(([one, places, isShown]) => begin(one, { places, isShown }, reached)),
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
    fc.constant(forget(reached)),
  ];
}

/** With these alone a fault shows only what it is about. */
const begunFor: Partial<Record<CommitFault, Begun>> = {
  no: { places: ['orders'], isShown: false },
  scanned: { places: ['orders', 'stock'], isShown: false },
};

/** One life that comes to every state, however few the runs are. */
export function wholeSessionLife(reached: Reached): SessionCommand[] {
  const all: Begun = { places: ['orders', 'stock', 'mail'], isShown: false };
  const faults = Object.keys(canHave) as CommitFault[];
  return [
    ...faults.flatMap((fault, index) => [
      begin(index, begunFor[fault] ?? all, reached),
      commit(0, fault, reached),
      ask(index, reached),
      ask(index + 1, reached),
    ]),
    ...[true, false].flatMap((isShown) => [
      begin(0, { places: ['stock'], isShown }, reached),
      commit(0, 'none', reached),
    ]),
    begin(1, all, reached),
    cut(1, reached),
    commit(0, 'none', reached),
    begin(0, all, reached),
    restart(reached),
    ...[0, 1, 2].map((index) => ask(index, reached)),
    begin(1, all, reached),
    abort(1, reached),
    begin(0, all, reached),
    commit(1, 'none', reached),
    forget(reached),
    ask(0, reached),
  ];
}
