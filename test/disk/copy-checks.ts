import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../coordinator/log/sqlite/log-image.ts';
import { type Check, some, spread } from './check-list.ts';
import { roleOf } from './damage-checks.ts';
import type { Image } from './images.ts';
import { type LogFiles, readFiles } from './log-files.ts';

// Files of different moments beside each other: copies made while the log was written, backups.

/** A log at one moment, with what had been acknowledged by then. */
interface Moment {
  readonly files: LogFiles;
  readonly acked: readonly string[];
}

/**
 * Moments of one life without a restart. The WAL is moved into the database on the way, so that a
 * newer database, too, meets older WALs.
 */
export function recordMoments(dir: string, count: number): Moment[] {
  rmSync(dir, { recursive: true, force: true });
  const open = openStore(dir);
  const acked: string[] = [];
  const moments: Moment[] = [{ files: readFiles(dir), acked: [] }];
  for (let n = 1; n < count; n += 1) {
    open.decide(n);
    acked.push(`${open.store.tip.epoch}-${n}`);
    if (n % 3 === 0) open.store.checkpoint();
    moments.push({ files: readFiles(dir), acked: [...acked] });
  }
  open.close();
  moments.push({ files: readFiles(dir), acked });
  return moments;
}

function fileOf({ files }: Moment, role: string): [string, Buffer][] {
  return [...files].filter(([name]) => roleOf(name) === role);
}

/**
 * Copies that were made file by file while the log was written, in every order: each file is of
 * another moment. The tip tells how much somebody had been told of; a log that is whole and longer
 * is no fault.
 */
export function tornCopies(moments: readonly Moment[]): Check {
  const everything = moments.at(-1)?.acked ?? [];
  return {
    name: 'torn-copy',
    about: 'database, WAL and tip of any three moments: torn copies, stale WALs, old backups',
    *trials(_images, scale) {
      const count = moments.length;
      for (const n of spread(count ** 3, some(scale, 600))) {
        const at = [Math.floor(n / count ** 2), Math.floor(n / count) % count, n % count];
        const [database, wal, tip] = at.map((moment) => moments[moment]);
        if (!database || !wal || !tip) continue;
        yield () => ({
          what: `database of moment ${at[0]}, WAL of ${at[1]}, tip of ${at[2]}`,
          files: new Map([
            ...fileOf(database, 'database'),
            ...fileOf(wal, 'WAL'),
            ...fileOf(tip, 'tip'),
          ]),
          promises: { acked: tip.acked, asked: everything },
        });
      }
    },
  };
}

/** The files of one image in the place of those of another one, under the same names. */
export const mixedLogs: Check = {
  name: 'mixed-logs',
  about: 'one file, or two, of another log or another life of it',
  *trials(images) {
    const alone = images.filter(({ hasMirror }) => !hasMirror);
    for (const ours of alone) {
      for (const theirs of alone) {
        for (const taken of [['database'], ['WAL'], ['tip'], ['database', 'WAL']]) {
          if (ours !== theirs) yield () => mix(ours, theirs, taken);
        }
      }
    }
  },
};

function mix(
  ours: Image,
  theirs: Image,
  taken: readonly string[],
): { what: string; files: LogFiles; promises: Image['promises'] } {
  const files = new Map<string, Buffer>();
  for (const [from, isTheirs] of [
    [ours, false],
    [theirs, true],
  ] as const) {
    for (const [name, bytes] of from.files) {
      const role = roleOf(name) ?? '';
      if (taken.includes(role) === isTheirs) files.set(nameOf(role), bytes);
    }
  }
  // Which log this is, its tip says; where that is of the other one, so are the promises.
  const { promises } = taken.includes('tip') ? theirs : ours;
  const asked = [ours, theirs].flatMap((image) => [
    ...image.promises.acked,
    ...image.promises.asked,
    ...(image.promises.exposed ?? []),
  ]);
  const what = `${ours.name} with ${taken.join(' and ')} of ${theirs.name}`;
  return { what, files, promises: { acked: promises.acked, asked } };
}

function nameOf(role: string): string {
  if (role === 'tip') return 'tip';
  return join('.', role === 'WAL' ? 'decisions-7.db-wal' : 'decisions-7.db');
}
