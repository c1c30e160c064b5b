import type { Bound } from './bounds.ts';
import { catalogue } from './catalogue.ts';
import type { CrashRow, Fate } from './crash-row.ts';
import { thoughtRows } from './crash-rows.ts';

/** What is done to a process at each point. */
export const faults = ['kill', 'stop', 'throw', 'second kill'] as const;

/** One of them. */
export type Fault = (typeof faults)[number];

/** Points at which a fault makes no sense, and why. */
export const senseless: Readonly<Partial<Record<Fault, Readonly<Record<string, string>>>>> = {
  throw: {
    'k.commit.answered': 'the transaction is over: what fails behind it is the application’s own',
  },
};

/** The rows by which a point is hit so. */
export function cell(rows: readonly CrashRow[], point: string, fault: Fault): CrashRow[] {
  return rows.filter((row) => {
    if (fault !== 'second kill') return row.point === point && row.action === fault;
    // What only a recovery meets is met by the second kill.
    return row.action === 'kill' && row.after && [row.point, row.after.point].includes(point);
  });
}

/** Where the second kill comes: the next of these for each first one. */
const recoveryPoints = {
  coordinator: [
    'log.start.before-write',
    'log.start.before-rename',
    'c.start.before-epoch',
    'c.start.before-replay-end',
    'c.serve.before-served',
  ],
  stock: ['p.serve.before-send'],
  orders: ['p.serve.before-send'],
};

/** What can be said beforehand: what is durable stays, and what was never asked for never comes. */
function fateAfter({ fate, dish }: CrashRow): Fate {
  return fate === 'committed' || dish === 'refused' ? fate : 'either';
}

/** What runs on only has to hear; what starts again has to read its log, or to scan. */
function boundAfter({ role, after }: CrashRow, fault: 'stop' | 'throw'): Bound {
  if (fault === 'stop' && !after) return 'S';
  return role === 'coordinator' ? 'R+S' : 'S+Q';
}

function madeRow(point: string, fault: Fault, turn: number): CrashRow[] {
  const base = thoughtRows.find((row) => row.point === point && row.action === 'kill');
  const isMade = !senseless[fault]?.[point] && cell(thoughtRows, point, fault).length === 0;
  if (!base || !isMade || fault === 'kill') return [];
  const { role, about, at } = base;
  if (fault === 'second kill') {
    const places = recoveryPoints[role];
    const second = places[turn % places.length] ?? '';
    const after = { role, point, about, at };
    return [{ ...base, point: second, about: undefined, at: undefined, after, quick: false }];
  }
  const bound = boundAfter(base, fault);
  const fate = fateAfter(base);
  return [{ ...base, action: fault, bound, fate, inDoubt: undefined, quick: false }];
}

/** The whole table: what was thought of, and a row for each point and fault that it lacks. */
export const crashRows: readonly CrashRow[] = [
  ...thoughtRows,
  ...catalogue.flatMap((point, turn) => faults.flatMap((fault) => madeRow(point, fault, turn))),
];
