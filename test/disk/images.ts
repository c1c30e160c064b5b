import { join } from 'node:path';
import { ended, gidOf } from '../coordinator/log/log-records.ts';
import { openStore, type OpenStore } from '../coordinator/log/sqlite/log-image.ts';
import { type LogFiles, readFiles, withFile } from './log-files.ts';
import type { Promises } from './verdict.ts';

/** A log as it stands on the disk at one moment, with what had been promised by then. */
export interface Image {
  readonly name: string;
  readonly about: string;
  readonly files: LogFiles;
  readonly promises: Promises;
  /** Whether the log has a mirror, the file `mirror`. */
  readonly hasMirror: boolean;
}

const decisionCount = 7;

/** What stands in the folder of a life, and how it is started. */
interface Site {
  readonly dir: string;
  readonly hasMirror: boolean;
}

/** The images on which everything is tried: about 64 KiB of WAL, and about 16 KiB of database. */
export function makeImages(root: string): Image[] {
  return [false, true].flatMap((hasMirror) => {
    const site = (name: string) => ({ dir: join(root, `${name}-${hasMirror}`), hasMirror });
    return [...firstLife(site('first')), ...laterLives(site('later'))];
  });
}

function start({ dir, hasMirror }: Site): OpenStore {
  return openStore(dir, hasMirror ? { mirror: join(dir, 'mirror') } : {});
}

/** The files of a site; of a mirror's megabyte of zeros behind the records only some. */
function filesOf({ dir }: Site): LogFiles {
  const files = readFiles(dir);
  const mirror = files.get('mirror');
  if (!mirror) return files;
  let used = mirror.length;
  while (used > 0 && mirror[used - 1] === 0) used -= 1;
  return withFile(files, 'mirror', mirror.subarray(0, used + 64));
}

/** One life without a restart: killed with everything in the WAL, and closed in order. */
function firstLife(site: Site): Image[] {
  const open = start(site);
  const acked = decideMany(open, 1, decisionCount - 1);
  const older = filesOf(site);
  acked.push(...decideMany(open, decisionCount, decisionCount));
  const crashed = filesOf(site);
  open.close();
  const closed = filesOf(site);
  const promises = { acked, asked: [] };
  const last = acked.slice(-1);
  const untold = { acked: acked.slice(0, -1), asked: last };
  const behind = withFile(crashed, 'tip', older.get('tip'));
  const { hasMirror } = site;
  const images = [
    { name: 'killed', about: 'killed, everything in the WAL', files: crashed, promises },
    { name: 'closed', about: 'closed in order, no WAL', files: closed, promises },
    {
      name: 'tip-behind',
      about: 'killed between the fsync and the tip: nobody was told of the last decision',
      files: behind,
      promises: untold,
    },
    {
      name: 'tip-lost-write',
      about: 'power lost within 50 ms of the last decision, its tip with it',
      files: behind,
      // With a mirror, nothing is exposed.
      promises: hasMirror ? promises : { acked: untold.acked, asked: [], exposed: last },
    },
    {
      name: 'mirror-behind',
      about: 'killed between the two places of the last decision',
      files: withFile(behind, 'mirror', older.get('mirror')),
      promises: untold,
    },
    {
      name: 'mirror-ahead',
      about: 'killed when the mirror had the last decision, and the log had not',
      files: withFile(older, 'mirror', crashed.get('mirror')),
      promises: untold,
    },
  ];
  const shown = hasMirror ? images : images.filter(({ name }) => !name.startsWith('mirror'));
  return shown.map((image) => ({ ...image, hasMirror }));
}

/** Three epochs, with compaction: killed right after it, and killed with more in the WAL. */
function laterLives(site: Site): Image[] {
  const { hasMirror } = site;
  const acked: string[] = [];
  for (let epoch = 1; epoch <= 2; epoch += 1) {
    const open = start(site);
    open.store.becomeActive({ name: 'image', address: '' });
    acked.push(...decideMany(open, epoch * 10, epoch * 10 + 2));
    open.close();
  }
  const open = start(site);
  open.store.becomeActive({ name: 'image', address: '' });
  acked.push(...decideMany(open, 30, 33));
  const { logId } = open.store;
  const over = ended(gidOf(logId, 1, 10));
  const mark = { kind: 'forgotten', through: { epoch: 1, counter: 10 } } as const;
  open.append([over, mark]);
  acked.splice(acked.indexOf('1-10'), 1);
  while (open.compactStep());
  const compacted = filesOf(site);
  const atCompaction = [...acked];
  acked.push(...decideMany(open, 34, 36));
  const busy = filesOf(site);
  open.close();
  return [
    {
      name: 'compacted',
      about: 'three epochs, killed right after compaction',
      files: compacted,
      promises: { acked: atCompaction, asked: [] },
      hasMirror,
    },
    {
      name: 'epochs',
      about: 'three epochs, compacted, killed with more in the WAL',
      files: busy,
      promises: { acked, asked: [] },
      hasMirror,
    },
  ];
}

function decideMany(open: OpenStore, from: number, through: number): string[] {
  const made: string[] = [];
  for (let n = from; n <= through; n += 1) {
    open.decide(n);
    made.push(`${open.store.tip.epoch}-${n}`);
  }
  return made;
}
