import { fc } from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import {
  boundsOfCoordinatorFrame,
  boundsOfPeerFrame,
  type Ask,
  type Commit,
  type CoordinatorFrame,
  countMessages,
  type Enlist,
  FrameWriter,
  type FrameWriterOptions,
  isEmpty,
  newCoordinatorFrame,
  newPeerFrame,
  type PeerFrame,
} from '../../proto/src/index.ts';

const ask = (ref: number, gid = 'g'): Ask => ({ ref, gid });
const enlist = (ref: number, gid = 'g'): Enlist => ({ ref, gid, rm: 'orders', canOnePhase: false });
const commit = (ref: number, gid = 'g'): Commit => ({ ref, gid, waitAppliedMs: 0 });

/** A writer whose turns and receiver the test drives. */
class Bench {
  readonly written: PeerFrame[] = [];
  readonly writer: FrameWriter<PeerFrame>;
  /** Answers of the next writes; true when none is left. */
  readonly answers: boolean[] = [];
  overflows = 0;
  #turn: (() => void)[] = [];

  constructor(options: Partial<FrameWriterOptions<PeerFrame>> = {}) {
    this.writer = new FrameWriter({
      newFrame: newPeerFrame,
      bounds: boundsOfPeerFrame,
      write: (frame) => {
        this.written.push(frame);
        return this.answers.shift() ?? true;
      },
      onOverflow: () => {
        this.overflows += 1;
      },
      schedule: (flush) => this.#turn.push(flush),
      ...options,
    });
  }

  /** Ends the turn of the event loop; returns how many flushes it ran. */
  endTurn(): number {
    const flushes = this.#turn.splice(0);
    for (const flush of flushes) flush();
    return flushes.length;
  }

  /** What the receiver handles, in the order in which it does. */
  handled(): { kind: string; ref: number; gid: string }[] {
    return this.written.flatMap((frame) =>
      Object.entries(frame).flatMap(([kind, value]) =>
        Array.isArray(value) ? (value as Ask[]).map(({ ref, gid }) => ({ kind, ref, gid })) : [],
      ),
    );
  }
}

describe('a turn', () => {
  test('leaves as one frame at its end', () => {
    const bench = new Bench();
    bench.writer.add('enlists', enlist(1));
    bench.writer.add('commits', commit(2));
    bench.writer.add('asks', ask(3, 'other'));
    expect(bench.written).toEqual([]);
    expect(bench.endTurn()).toBe(1);
    expect(bench.written).toEqual([
      { ...newPeerFrame(), enlists: [enlist(1)], commits: [commit(2)], asks: [ask(3, 'other')] },
    ]);
    expect(bench.endTurn()).toBe(0);
  });

  test('of setImmediate, unless another is given', async () => {
    const written: PeerFrame[] = [];
    const write = (frame: PeerFrame) => written.push(frame) > 0;
    const bounds = boundsOfPeerFrame;
    const writer = new FrameWriter({ newFrame: newPeerFrame, bounds, write, onOverflow: () => {} });
    writer.add('asks', ask(1));
    await Promise.resolve();
    writer.add('asks', ask(2));
    expect(written).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(written.map((frame) => frame.asks)).toEqual([[ask(1), ask(2)]]);
  });

  test('can be cut short by flush', () => {
    const bench = new Bench();
    bench.writer.add('asks', ask(1));
    bench.writer.flush();
    expect(bench.handled()).toHaveLength(1);
    bench.endTurn();
    expect(bench.written).toHaveLength(1);
  });

  test('is split at the limit of messages', () => {
    const bench = new Bench({ maxFrameMessages: 3 });
    for (let ref = 1; ref <= 7; ref++) bench.writer.add('asks', ask(ref));
    bench.endTurn();
    expect(bench.written.map((frame) => frame.asks.map(({ ref }) => ref))).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7],
    ]);
  });

  test('is split at 128 messages, where they are of 64 transactions', () => {
    const bench = new Bench();
    const gids = Array.from({ length: 129 }, (_, n) => `gid-${n}`);
    const say = (times: number, ids: readonly string[]): number[] => {
      for (const gid of ids) {
        for (let ref = 1; ref <= times; ref++) bench.writer.add('commits', commit(ref, gid));
      }
      bench.endTurn();
      return bench.written.splice(0).map(countMessages);
    };
    expect(say(1, gids)).toEqual([128, 1]);
    expect(say(2, gids)).toEqual([128, 128, 2]);
    expect(say(10, gids)).toEqual([640, 640, 10]);
  });

  test('is split at 1,024 messages and at half a MiB unless told', () => {
    const bench = new Bench();
    for (let ref = 1; ref <= 1_025; ref++) bench.writer.add('asks', { ...ask(ref), gid: 'one' });
    bench.endTurn();
    expect(bench.written.map(countMessages)).toEqual([1_024, 1]);

    const vote = { gid: 'g', branch: 1, receipt: '', incarnation: '', reason: null } as const;
    const redo = Buffer.alloc(200 * 1_024);
    for (let n = 0; n < 5; n++) bench.writer.add('votes', { ...vote, kind: 'YES', redo });
    bench.writer.add('votes', { ...vote, kind: 'YES', redo: Buffer.alloc(700 * 1_024) });
    bench.endTurn();
    expect(bench.written.slice(2).map(countMessages)).toEqual([2, 2, 1, 1]);
  });
});

describe('the order of a transaction', () => {
  test('holds against the order of fields: what would overtake opens a frame', () => {
    const bench = new Bench();
    bench.writer.add('commits', commit(1, 'a'));
    bench.writer.add('enlists', enlist(2, 'b')); // another transaction may go ahead
    bench.writer.add('enlists', enlist(3, 'a'));
    bench.endTurn();
    expect(bench.written).toHaveLength(2);
    expect(bench.handled().map(({ ref }) => ref)).toEqual([2, 1, 3]);
  });

  test('holds for a message without a gid when the caller tells it', () => {
    const frames: CoordinatorFrame[] = [];
    const writer = new FrameWriter({
      newFrame: newCoordinatorFrame,
      bounds: boundsOfCoordinatorFrame,
      write: (frame) => frames.push(frame) > 0,
      onOverflow: () => {},
    });
    writer.add('enlisted', { ref: 1, branch: 1, remainingMs: 9 }, 'g');
    writer.add('aborts', { gid: 'g', branch: 1, rm: 'orders', receipt: '', incarnation: '' });
    writer.flush();
    expect(frames.map((frame) => frame.enlisted.length)).toEqual([1, 0]);
    expect(frames.map((frame) => frame.aborts.length)).toEqual([0, 1]);
  });
});

describe('fields that a frame has once', () => {
  test('stand in the frame of the turn, also alone', () => {
    const bench = new Bench();
    const hello = {
      protocolMin: 1,
      protocolMax: 1,
      instance: 'i',
      service: 's',
      sdk: 'k',
      seen: null,
    };
    bench.writer.set('hello', hello);
    bench.endTurn();
    expect(bench.written).toEqual([{ ...newPeerFrame(), hello }]);
    expect(bench.writer.waitingBytes).toBe(0);
  });

  test('can be completed just before the write, in each frame of a split', () => {
    const completed: number[] = [];
    const complete = (frame: PeerFrame) => completed.push(countMessages(frame));
    const bench = new Bench({ maxFrameMessages: 2, complete });
    bench.answers.push(false);
    for (let ref = 1; ref <= 3; ref++) bench.writer.add('asks', ask(ref));
    bench.endTurn();
    expect(completed).toEqual([2]);
    bench.writer.drained();
    expect(completed).toEqual([2, 1]);
  });
});

describe('a slow receiver', () => {
  test('gets nothing more until it has drained, then all turns in one frame', () => {
    const bench = new Bench();
    bench.answers.push(false);
    bench.writer.add('asks', ask(1));
    bench.endTurn();
    expect(bench.writer.held).toBe(true);
    for (const ref of [2, 3]) {
      bench.writer.add('asks', ask(ref));
      bench.endTurn();
    }
    bench.writer.flush();
    expect(bench.written).toHaveLength(1);
    expect(bench.writer.waitingMessages).toBe(2);
    bench.writer.drained();
    expect(bench.written.map((frame) => frame.asks.length)).toEqual([1, 2]);
    expect(bench.writer).toMatchObject({ held: false, waitingMessages: 0, waitingBytes: 0 });
  });

  test('that drains within the write is not held', () => {
    const bench: Bench = new Bench({
      write: (frame) => {
        bench.written.push(frame);
        bench.writer.drained();
        return false;
      },
    });
    bench.writer.add('asks', ask(1));
    bench.endTurn();
    bench.writer.add('asks', ask(2));
    bench.endTurn();
    expect(bench.written).toHaveLength(2);
  });

  test('overflows once, by messages; nothing is kept or taken after', () => {
    const bench = new Bench({ maxWaitingMessages: 3 });
    bench.answers.push(false);
    bench.writer.add('asks', ask(0));
    bench.endTurn();
    for (let ref = 1; ref <= 3; ref++) bench.writer.add('asks', ask(ref));
    expect(bench.overflows).toBe(0);
    for (let ref = 4; ref <= 9; ref++) bench.writer.add('asks', ask(ref));
    expect(bench.overflows).toBe(1);
    expect(bench.writer).toMatchObject({ closed: true, waitingMessages: 0, waitingBytes: 0 });
    bench.writer.drained();
    bench.endTurn();
    expect(bench.written).toHaveLength(1);
  });

  test('overflows by bytes', () => {
    const bench = new Bench({ maxWaitingBytes: 1_000 });
    bench.writer.add('asks', ask(1, 'g'.repeat(1_001)));
    expect(bench.overflows).toBe(1);
  });

  test('overflows above 65,536 messages unless told', () => {
    const bench = new Bench();
    for (let ref = 0; ref < 65_536; ref++) bench.writer.add('asks', ask(ref));
    expect(bench.overflows).toBe(0);
    bench.writer.add('asks', ask(65_536));
    expect(bench.overflows).toBe(1);
  });
});

describe('close', () => {
  test('drops what waits, takes no more, and is idempotent', () => {
    const bench = new Bench();
    bench.writer.add('asks', ask(1));
    bench.writer.close();
    bench.writer.close();
    bench.writer.add('asks', ask(2));
    bench.writer.set('hello', null);
    bench.endTurn();
    bench.writer.drained();
    expect(bench.written).toEqual([]);
    expect(bench.overflows).toBe(0);
  });

  test('within a write ends the writing', () => {
    const bench: Bench = new Bench({
      maxFrameMessages: 1,
      write: (frame) => {
        bench.written.push(frame);
        bench.writer.close();
        return true;
      },
    });
    bench.writer.add('asks', ask(1));
    bench.writer.add('asks', ask(2));
    bench.endTurn();
    expect(bench.written).toHaveLength(1);
    expect(bench.writer.waitingMessages).toBe(0);
  });
});

test('what a write adds leaves in the next turn', () => {
  const bench: Bench = new Bench({
    write: (frame) => {
      if (bench.written.push(frame) === 1) bench.writer.add('asks', ask(2));
      return true;
    },
  });
  bench.writer.add('asks', ask(1));
  bench.endTurn();
  expect(bench.written).toHaveLength(1);
  bench.endTurn();
  expect(bench.handled().map(({ ref }) => ref)).toEqual([1, 2]);
});

type Step =
  | { readonly do: 'add'; readonly kind: 'enlists' | 'commits' | 'asks'; readonly gid: string }
  | { readonly do: 'end-turn' | 'drained' | 'flush' | 'slow' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('add' as const),
        kind: fc.constantFrom('enlists', 'commits', 'asks'),
        gid: fc.constantFrom('', 'a', 'b', 'c'),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constantFrom('end-turn', 'drained', 'flush', 'slow') }),
    },
  ),
  { maxLength: 120 },
);

function addOne(bench: Bench, kind: 'enlists' | 'commits' | 'asks', ref: number, gid: string) {
  if (kind === 'enlists') bench.writer.add(kind, enlist(ref, gid));
  else if (kind === 'commits') bench.writer.add(kind, commit(ref, gid));
  else bench.writer.add(kind, ask(ref, gid));
}

/** Runs a program; checks at each step that the writer's counts are true and that it holds. */
function run(bench: Bench, program: readonly Step[]): { kind: string; ref: number; gid: string }[] {
  const added: { kind: string; ref: number; gid: string }[] = [];
  for (const step of program) {
    const before = bench.written.length;
    const wasHeld = bench.writer.held;
    if (step.do === 'add') {
      added.push({ kind: step.kind, ref: added.length, gid: step.gid });
      addOne(bench, step.kind, added.length - 1, step.gid);
    } else if (step.do === 'end-turn') bench.endTurn();
    else if (step.do === 'drained') bench.writer.drained();
    else if (step.do === 'flush') bench.writer.flush();
    else bench.answers.push(true, false);
    const maySend = !wasHeld || step.do === 'drained';
    expect(maySend || bench.written.length === before).toBe(true);
    expect(bench.writer.waitingMessages).toBe(added.length - bench.handled().length);
  }
  return added;
}

describe('whatever happens', () => {
  const limits = fc.record({
    maxFrameMessages: fc.integer({ min: 1, max: 6 }),
    maxFrameBytes: fc.constantFrom(1, 60, 200, 10_000),
  });

  test('nothing is lost or doubled, and each transaction keeps its order', () => {
    const reached = { held: 0, split: 0 };
    fc.assert(
      fc.property(steps, limits, (program, given) => {
        const bench = new Bench(given);
        const added = run(bench, program);
        reached.held += bench.writer.held ? 1 : 0;
        bench.answers.length = 0;
        bench.writer.drained();
        const handled = bench.handled();
        expect(handled.toSorted((a, b) => a.ref - b.ref)).toEqual(added);
        for (const gid of ['a', 'b', 'c']) {
          const refs = handled.filter((one) => one.gid === gid).map(({ ref }) => ref);
          expect(refs).toEqual(refs.toSorted((a, b) => a - b));
        }
        for (const frame of bench.written) {
          expect(isEmpty(frame)).toBe(false);
          expect(countMessages(frame)).toBeLessThanOrEqual(given.maxFrameMessages);
        }
        reached.split += bench.written.length;
        expect(bench.writer).toMatchObject({ waitingMessages: 0, waitingBytes: 0 });
      }),
      { numRuns: 500 },
    );
    expect(reached.held).toBeGreaterThan(0);
    expect(reached.split).toBeGreaterThan(1_000);
  });

  test('the same steps give the same frames', () => {
    fc.assert(
      fc.property(steps, limits, (program, given) => {
        const [one, two] = [new Bench(given), new Bench(given)];
        run(one, program);
        run(two, program);
        expect(one.written).toEqual(two.written);
      }),
      { numRuns: 50 },
    );
  });

  test('no more waits than the limit, and more is reported once', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 20 }), (program, maxWaitingMessages) => {
        const bench = new Bench({ maxWaitingMessages });
        let added = 0;
        for (const step of program) {
          if (step.do === 'add') addOne(bench, step.kind, added++, step.gid);
          else if (step.do === 'drained') bench.writer.drained();
          else if (step.do === 'slow') bench.answers.push(false);
          else bench.endTurn();
          const limit = bench.writer.closed ? 0 : maxWaitingMessages;
          expect(bench.writer.waitingMessages).toBeLessThanOrEqual(limit);
        }
        expect(bench.overflows).toBe(bench.writer.closed ? 1 : 0);
      }),
      { numRuns: 300 },
    );
  });
});
