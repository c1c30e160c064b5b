import { join } from 'node:path';
import { ended, gidOf } from '../coordinator/log/log-records.ts';
import { openStore, type OpenStore } from '../coordinator/log/sqlite/log-image.ts';
import { type LogFiles, readFiles } from './log-files.ts';
import type { Promises } from './verdict.ts';

/** A log as it stands on the disk at one moment, with what had been promised by then. */
export interface Image {
  readonly name: string;
  readonly about: string;
  readonly files: LogFiles;
  readonly promises: Promises;
}

const decisionCount = 7;

/** The images on which everything is tried: about 64 KiB of WAL, and about 24 KiB of database. */
export function makeImages(root: string): Image[] {
  const first = firstLife(join(root, 'first'));
  const later = laterLives(join(root, 'later'));
  return [...first, ...later];
}

/** One life without a restart: killed with everything in the WAL, and closed in order. */
function firstLife(dir: string): Image[] {
  const open = openStore(dir);
  const acked = decideMany(open, 1, decisionCount - 1);
  const older = readFiles(dir).get('tip');
  acked.push(...decideMany(open, decisionCount, decisionCount));
  const crashed = readFiles(dir);
  open.close();
  const promises = { acked, asked: [] };
  const last = acked.slice(-1);
  const behind = new Map(crashed);
  if (older) behind.set('tip', older);
  return [
    { name: 'killed', about: 'killed, everything in the WAL', files: crashed, promises },
    { name: 'closed', about: 'closed in order, no WAL', files: readFiles(dir), promises },
    {
      name: 'tip-behind',
      about: 'killed between the fsync and the tip: nobody was told of the last decision',
      files: behind,
      promises: { acked: acked.slice(0, -1), asked: last },
    },
    {
      name: 'tip-lost-write',
      about: 'power lost within 50 ms of the last decision, its tip with it',
      files: behind,
      promises: { acked: acked.slice(0, -1), asked: [], exposed: last },
    },
  ];
}

/** Three epochs, with compaction: killed right after it, and killed with more in the WAL. */
function laterLives(dir: string): Image[] {
  const acked: string[] = [];
  for (let start = 1; start <= 2; start += 1) {
    const open = openStore(dir);
    open.store.becomeActive({ name: 'image', address: '' });
    acked.push(...decideMany(open, start * 10, start * 10 + 2));
    open.close();
  }
  const open = openStore(dir);
  open.store.becomeActive({ name: 'image', address: '' });
  acked.push(...decideMany(open, 30, 33));
  const { logId } = open.store;
  const over = ended(gidOf(logId, 1, 10));
  const mark = { kind: 'forgotten', through: { epoch: 1, counter: 10 } } as const;
  open.append([over, mark]);
  acked.splice(acked.indexOf('1-10'), 1);
  while (open.compactStep());
  const compacted = readFiles(dir);
  const atCompaction = [...acked];
  acked.push(...decideMany(open, 34, 36));
  const busy = readFiles(dir);
  open.close();
  return [
    {
      name: 'compacted',
      about: 'three epochs, killed right after compaction',
      files: compacted,
      promises: { acked: atCompaction, asked: [] },
    },
    {
      name: 'epochs',
      about: 'three epochs, compacted, killed with more in the WAL',
      files: busy,
      promises: { acked, asked: [] },
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
