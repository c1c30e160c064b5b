import type { PeerFrame } from '@unanimous/proto';
import { UnanimousError } from '@unanimous/proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ambient, systemAmbient } from '../../../participant-sdk/src/ambient.ts';
import type { TransactionClient } from '../../../participant-sdk/src/client/transaction-client.ts';
import {
  type DefinedResource,
  defineResource,
} from '../../../participant-sdk/src/define-resource.ts';
import type { Place } from '../../../participant-sdk/src/participant/branch-driver.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { CoordinatorHost, type Line } from '../support/coordinator-host.ts';
import { FakeDatabase } from '../support/fake-database.ts';

let host: CoordinatorHost;
let line: Line;
let tm: TransactionClient;
let orders: FakeDatabase;
let stock: FakeDatabase;
let mail: DefinedResource<string>;
/** What becomes of an effect; runs before it is sent. */
let sending: () => Promise<void> | void;
let mails: string[];
let places: Place[];
/** What the client says to the coordinator at the ends of transactions, a line for each frame. */
let said: string[];
/** No short timer goes off any more: what leaves now has waited for none. */
let isFrozen: boolean;

const ambient: Ambient = {
  ...systemAmbient,
  after: (ms, task) => (isFrozen && ms < 100 ? () => {} : systemAmbient.after(ms, task)),
};

beforeEach(async () => {
  mails = [];
  isFrozen = false;
  sending = () => {};
  host = await CoordinatorHost.start();
  line = host.line();
  tm = host.client({ transport: line, closeTimeoutMs: 50, scanIntervalMs: 60_000, ambient });
  orders = await tm.serve(new FakeDatabase('orders-db'));
  stock = await tm.serve(new FakeDatabase('stock-db'));
  places = [];
  const apply = async (effect: string, { epoch, seq }: Place) => {
    await sending();
    mails.push(effect);
    places.push({ epoch, seq });
  };
  mail = await tm.serve(defineResource<string>({ rm: 'mail', identity: 'test:mail', apply }));
  await line.haveGids(tm);
  said = [];
  line.onWrite = note;
});

afterEach(async () => {
  await host.close();
});

function note({ acknowledgements, wholes, asks }: PeerFrame): boolean {
  const words = [
    ...acknowledgements.map(({ rm, result }) => `${rm} ${result}`),
    ...wholes.map(({ waitAppliedMs }) => `whole ${waitAppliedMs}`),
    ...asks.map(() => 'ask'),
  ];
  if (words.length > 0) said.push(words.join(', '));
  return true;
}

const writeBoth = async (): Promise<void> => {
  await orders.write('order 1');
  await stock.write('item -1');
};

const writeAndMail = async (): Promise<void> => {
  await orders.write('order 1');
  await mail.write('welcome');
};

const unfinished = () => host.status()?.unfinished;

const untilHeard = () =>
  waitUntil(() => unfinished() === 0, { what: 'the coordinator to have heard of all' });

/** Phase two of this database waits until it is let go. */
function hold(database: FakeDatabase): () => void {
  let letGo = (): void => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  database.hooks.commit = () => held;
  return letGo;
}

/** Somebody ends what is prepared there, against the decision. */
function rollBackByHand({ store, hooks }: FakeDatabase): void {
  hooks.commit = ({ gid }) => {
    for (const [key, { id }] of store.prepared) {
      if (id.gid !== gid) continue;
      store.prepared.delete(key);
      store.fates.set(key, 'rolled-back');
    }
  };
}

/** What was said in this turn of the event loop has left. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const away = () => {
  throw new UnanimousError('rm-unavailable', 'stock is away');
};

describe('that all branches here have committed', () => {
  test('is known before the coordinator has heard of it', async () => {
    const result = await tm.transaction(writeBoth);
    expect(result).toMatchObject({ outcome: 'committed', applied: true, pending: [] });
    expect(stock.store.rows).toEqual(['item -1']);
    expect(unfinished()).toBe(1);
    await untilHeard();
    expect(said).toEqual(['whole 0', 'orders-db COMMITTED, stock-db COMMITTED']);
  });

  test('is told with the next transaction', async () => {
    isFrozen = true;
    await tm.transaction(writeBoth);
    await tm.transaction(writeBoth);
    expect(said).toEqual(['whole 0', 'orders-db COMMITTED, stock-db COMMITTED, whole 0']);
  });

  test('is told before anybody here asks', async () => {
    isFrozen = true;
    const { gid } = await tm.transaction(writeBoth);
    expect(await tm.outcome(gid)).toMatchObject({ outcome: 'committed', applied: true });
  });

  test('is told before the session ends', async () => {
    await tm.transaction(writeBoth);
    await tm.close();
    expect(unfinished()).toBe(0);
  });

  test('is told at once to a coordinator that is about to stop', async () => {
    isFrozen = true;
    await tm.transaction(writeBoth);
    const letGo = hold(stock);
    const another = tm.transaction(writeBoth);
    await waitUntil(() => said.length === 2, { what: 'it to be handed over' });
    host.announceDrain();
    await waitUntil(() => unfinished() === 1 && said.length === 3, { what: 'the first one' });
    letGo();
    await another;
    await untilHeard();
  });

  test('and is told again where it was lost, by the receipt', async () => {
    line.onWrite = ({ acknowledgements }) => acknowledgements.length === 0; // the session with it
    const result = await tm.transaction(writeBoth);
    expect(result).toMatchObject({ applied: true });
    await waitUntil(() => line.connections > 1, { what: 'another session' });
    expect(unfinished()).toBe(1);
    line.onWrite = note;
    await untilHeard();
    expect(stock.store.rows).toEqual(['item -1']);
  });
});

describe('who waits', () => {
  test('for the decision hears at once what is pending', async () => {
    const letGo = hold(stock);
    const result = await tm.transaction(writeBoth, { wait: 'decided' });
    expect(result).toMatchObject({ outcome: 'committed', applied: false });
    expect(result.pending).toContainEqual({ branch: 2, rm: 'stock-db' });
    letGo();
    await untilHeard();
  });

  test('for less than it takes hears what keeps it', async () => {
    stock.hooks.commit = away;
    const result = await tm.transaction(writeBoth, { waitAppliedMs: 30 });
    const pending = [{ branch: 2, rm: 'stock-db', reason: { message: 'stock is away' } }];
    expect(result).toMatchObject({ outcome: 'committed', applied: false, pending });
    delete stock.hooks.commit;
    await untilHeard();
  });

  test('hears of a branch that did not follow, and the coordinator at once', async () => {
    rollBackByHand(stock);
    await expect(tm.transaction(writeBoth)).rejects.toMatchObject({
      code: 'heuristic',
      rm: 'stock-db',
    });
    await turn();
    expect(said.at(-1)).toMatch(/stock-db ROLLED_BACK/);
    await waitUntil(() => host.status()?.heuristic === 1, { what: 'the coordinator to know' });
  });

  test('while the session is lost hears of what others end', async () => {
    hold(stock);
    const result = tm.transaction(writeBoth);
    await waitUntil(() => said.length === 2, { what: 'the first acknowledgement' });
    const sibling = host.client();
    await sibling.serve(new FakeDatabase('stock-db', stock.store));
    line.isDead = true;
    line.cut(); // what stock-db owes goes to the sibling
    await untilHeard();
    line.isDead = false;
    expect(await result).toMatchObject({ applied: true, pending: [] });
    expect(said.at(-1)).toMatch(/ask/);
  });

  test('while its process leaves hears that it is committed', async () => {
    hold(stock);
    const result = tm.transaction(writeBoth);
    await waitUntil(() => said.length === 2, { what: 'the first acknowledgement' });
    await tm.close();
    const pending = [{ branch: 2, rm: 'stock-db' }];
    expect(await result).toMatchObject({ outcome: 'committed', applied: false, pending });
  });
});

describe('effects that may be applied unasked', () => {
  /** Where decisions stand that the coordinator has told, and that effects were applied with. */
  let told: object[];
  let asked: string[];

  beforeEach(() => {
    told = [];
    asked = [];
    Object.assign(mail, { appliesUnasked: true });
    line.onFrame = ({ commits }) => {
      for (const { rm, kind, epoch, seq } of commits) {
        told.push({ epoch, seq });
        if (kind === 'APPLY') asked.push(rm);
      }
      return true;
    };
  });

  test('are applied behind the last commit, and nobody asks for them', async () => {
    const letGo = hold(stock);
    const result = tm.transaction(async () => {
      await writeBoth();
      await mail.write('welcome');
    });
    await waitUntil(() => said.length === 2, { what: 'the first acknowledgement' });
    expect(mails).toEqual([]);
    letGo();
    expect(await result).toMatchObject({ applied: true, pending: [] });
    expect(mails).toEqual(['welcome']);
    expect(places).toEqual(told.slice(0, 1));
    await untilHeard();
    expect(said.at(-1)).toBe('mail COMMITTED, stock-db COMMITTED');
    expect(asked).toEqual([]);
  });

  test('that fail are asked for, and applied once', async () => {
    sending = () => {
      sending = () => {};
      throw new UnanimousError('rm-unavailable', 'no mail today');
    };
    expect(await tm.transaction(writeAndMail)).toMatchObject({ applied: true });
    await untilHeard();
    expect(said[1]).toBe('mail PENDING, orders-db COMMITTED');
    expect(asked).toEqual(['mail']);
    expect(mails).toEqual(['welcome']);
  });

  test('wait for the coordinator where a database did not follow', async () => {
    rollBackByHand(orders);
    await expect(tm.transaction(writeAndMail)).rejects.toMatchObject({ code: 'heuristic' });
    expect(said[1]).toBe('orders-db ROLLED_BACK');
    expect(asked).toEqual(['mail']);
  });

  test('are all applied before the coordinator hears of what they wait for', async () => {
    const apply = () => new Promise<void>((resolve) => setTimeout(resolve, 30));
    const slow = defineResource<string>({ rm: 'slow', identity: 'test:slow', apply });
    await tm.serve(Object.assign(slow, { appliesUnasked: true }));
    await tm.transaction(async () => {
      await writeAndMail();
      await slow.write('later');
    });
    await untilHeard();
    expect(said.slice(1)).toEqual(['mail COMMITTED', 'slow COMMITTED, orders-db COMMITTED']);
    expect(asked).toEqual([]);
  });

  test('are not sent twice when the session is lost meanwhile', async () => {
    let letGo = (): void => {};
    sending = () => new Promise((resolve) => (letGo = resolve));
    const result = tm.transaction(writeAndMail);
    await turn();
    await waitUntil(() => said.length === 1, { what: 'it to be handed over' });
    await waitUntil(() => orders.store.rows.length === 1, { what: 'the row' });
    line.cut();
    await waitUntil(() => asked.length === 1, { what: 'the question' });
    letGo();
    expect(await result).toMatchObject({ outcome: 'committed' });
    await untilHeard();
    expect(mails).toEqual(['welcome']); // what is asked joins what runs
  });
});

describe('the coordinator need not wait', () => {
  test('to ask for effects, when the last database has committed', async () => {
    isFrozen = true;
    await tm.transaction(writeAndMail);
    expect(mails).toEqual(['welcome']);
    expect(said).toEqual(['whole 0', 'orders-db COMMITTED']);
    expect(unfinished()).toBe(1);
  });

  test('for the word of a branch that decides', async () => {
    const cash = await tm.serve(new FakeDatabase('cash-db', undefined, { canOnePhase: true }));
    isFrozen = true;
    const result = await tm.transaction(async ({ gid }) => {
      expect(gid).not.toBe(''); // somebody has it, so the coordinator is told
      await cash.write('one');
    });
    expect(result).toMatchObject({ outcome: 'committed', applied: true });
    expect(said.at(-1)).toBe('cash-db COMMITTED');
  });

  test('for another turn to say what it has decided', async () => {
    const frames: string[] = [];
    line.onFrame = ({ commits, outcomes }) => {
      frames.push(`${commits.length} commits, ${outcomes.length} outcomes`);
      return true;
    };
    await tm.transaction(writeBoth);
    expect(frames).toEqual(['2 commits, 1 outcomes']);
  });
});
