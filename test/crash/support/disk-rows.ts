import type { PowerCut } from './crash-disk.ts';
import type { CrashRow, Fate } from './crash-row.ts';
import { thoughtRows } from './crash-rows.ts';

const all = ['events', 'orders-db', 'stock-db'];
const base = { role: 'coordinator', bound: 'R+S', dish: 'all' } as const;
const decided = { role: 'coordinator', point: 'c.decided.before-tell' } as const;

type Record = Pick<CrashRow, 'point' | 'dish' | 'fate'> & Partial<CrashRow>;

/** Where a record of each kind is about to be written, and what follows when it is there. */
const records: readonly Record[] = [
  {
    point: 'c.votes.all-in',
    about: 'commit-decided',
    dish: 'all',
    fate: 'committed',
    inDoubt: all,
  },
  // The permission was not sent: the branch has rolled back.
  { point: 'c.votes.all-in', about: 'delegated', dish: 'solo', fate: 'aborted', inDoubt: [] },
  // With the messages to a broker in it.
  {
    point: 'c.votes.all-in',
    about: 'commit-decided',
    dish: 'told',
    fate: 'committed',
    inDoubt: all,
  },
  { point: 'c.ended.before-append', dish: 'all', fate: 'committed', inDoubt: [] },
  { point: 'c.resolve.before-append', by: 'resolve', dish: 'all', fate: 'committed' },
  { point: 'c.forget.before-mark', by: 'retention', dish: 'all', fate: 'committed' },
  { point: 'c.start.before-epoch', after: decided, dish: 'all', fate: 'committed', inDoubt: all },
];

/** Killed within the sync of each record. What was written is there: only power takes it away. */
const heldRows = (['before-sync', 'after-sync'] as const).flatMap((action) =>
  records.map((record): CrashRow => ({ ...base, ...record, action })),
);

/** The same, and the power fails: what was not forced yet may be gone, and nobody was told. */
const heldCuts = heldRows
  .filter(({ point }) => point === 'c.votes.all-in')
  .flatMap((row) => (['kept', 'lost', 1] as const).map((power) => cut(row, power)));

function cut(row: CrashRow, power: PowerCut): CrashRow {
  const isUnforced = row.action === 'before-sync' && row.fate === 'committed';
  const unforced: Fate = power === 'lost' ? 'aborted' : power === 'kept' ? 'committed' : 'either';
  return { ...row, power, fate: isUnforced ? unforced : row.fate };
}

/** A power cut at each point of the coordinator, with nothing or a part of what was not forced. */
const pointCuts = thoughtRows
  .filter(({ role, action }) => role === 'coordinator' && action === 'kill')
  .flatMap((row, n) => (['lost', n + 1] as const).map((power): CrashRow => ({ ...row, power })));

const quickTitles: readonly [point: string, action: string, power: PowerCut | undefined][] = [
  ['c.votes.all-in', 'before-sync', undefined],
  ['c.votes.all-in', 'before-sync', 'lost'],
  ['c.decided.before-tell', 'kill', 'lost'],
];

/** What is tried with the coordinator's disk: it is killed within a sync, or the power fails. */
export const diskRows: readonly CrashRow[] = [...heldRows, ...heldCuts, ...pointCuts].map((row) => {
  const isPlain = row.dish === 'all' && !row.after && !row.by;
  const quick = quickTitles.some(([point, action, power]) => {
    return isPlain && row.point === point && row.action === action && row.power === power;
  });
  return { ...row, quick };
});
