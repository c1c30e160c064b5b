import { flipBit } from '../coordinator/log/sqlite/log-image.ts';
import { type Check, type LazyTrial, type Scale, some, spread } from './check-list.ts';
import type { Image } from './images.ts';
import { withFile } from './log-files.ts';

// Damage to one file of a log that was whole: a flipped bit, a cut, noise, pages that changed places.

/** The files of a log, by what they are for. */
export type FileRole = 'database' | 'WAL' | 'tip' | 'mirror';

const roles: readonly FileRole[] = ['database', 'WAL', 'tip', 'mirror'];
const pageBytes = 4_096;

/** Images of which every byte is tried in a full run; of the others, some. */
const mainImages = new Set(['killed', 'closed']);

/** What a file of that name is for. */
export function roleOf(name: string): FileRole | undefined {
  if (name === 'tip' || name === 'mirror') return name;
  if (name.endsWith('-wal')) return 'WAL';
  return /^decisions-\d+\.db$/.test(name) ? 'database' : undefined;
}

/** A file of an image, as a target of damage. */
interface Target {
  readonly image: Image;
  readonly name: string;
  readonly bytes: Buffer;
}

function nameOf(check: string, mirrored: boolean): string {
  return mirrored ? `mirror-${check}` : check;
}

function withMirror(mirrored: boolean): string {
  return mirrored ? ', with a mirror' : '';
}

function targetsOf(images: readonly Image[], role: FileRole, mirrored: boolean): Target[] {
  const chosen = images.filter(({ hasMirror }) => hasMirror === mirrored);
  return chosen.flatMap((image) => {
    const files = [...image.files].filter(([name]) => roleOf(name) === role);
    return files.map(([name, bytes]) => ({ image, name, bytes }));
  });
}

/** How many positions of a target to try. */
function wanted(scale: Scale, quickCount: number, { image }: Target, targets: number): number {
  if (scale === 'long') return Infinity;
  if (scale === 'full' && mainImages.has(image.name)) return Infinity;
  return quickCount / targets / (scale === 'sample' ? 20 : 1);
}

function damaged(target: Target, what: string, change: () => Buffer | undefined): LazyTrial {
  const { image, name } = target;
  return () => ({
    what: `${image.name}: ${name} ${what}`,
    files: withFile(image.files, name, change()),
    promises: image.promises,
    hasMirror: image.hasMirror,
    // A mirror repairs what it holds. Behind, it lacks the last record, and a frame that ends a commit and
    // stands in another's place makes it look like two that are lost: then a refusal is right.
    mustStart: image.hasMirror && !(image.name === 'mirror-behind' && what.startsWith('doubled')),
  });
}

function flips(role: FileRole, quickCount: number, mirrored: boolean): Check {
  return {
    name: nameOf(`flip-${role.toLowerCase()}`, mirrored),
    about: `a flipped bit in the ${role}${withMirror(mirrored)}`,
    *trials(images, scale) {
      const targets = targetsOf(images, role, mirrored);
      for (const target of targets) {
        const { length } = target.bytes;
        const count = wanted(scale, quickCount, target, targets.length);
        const everyBit = scale === 'long' && mainImages.has(target.image.name);
        // One bit of every byte, then the next, so that a run that is ended early has been everywhere.
        for (let turn = 0; turn < (everyBit ? 8 : 1); turn += 1) {
          for (const at of spread(length, count)) {
            const bit = (at + turn) % 8;
            const change = () => flipBit(target.bytes, at, bit);
            yield damaged(target, `byte ${at} bit ${bit}`, change);
          }
        }
      }
    },
  };
}

function cuts(role: FileRole, quickCount: number, mirrored: boolean): Check {
  return {
    name: nameOf(`cut-${role.toLowerCase()}`, mirrored),
    about: `the ${role} cut to every length, and removed${withMirror(mirrored)}`,
    *trials(images, scale) {
      const targets = targetsOf(images, role, mirrored);
      for (const target of targets) {
        yield damaged(target, 'removed', () => undefined);
        for (const length of spread(
          target.bytes.length,
          wanted(scale, quickCount, target, targets.length),
        )) {
          yield damaged(target, `cut to ${length}`, () => target.bytes.subarray(0, length));
        }
      }
    },
  };
}

/** A page of noise or of zeros at every sector of every file. */
const noise = (mirrored: boolean): Check => ({
  name: nameOf('noise', mirrored),
  about: `a page, or a sector, of noise or zeros anywhere in a file${withMirror(mirrored)}`,
  *trials(images, scale) {
    for (const target of roles.flatMap((role) => targetsOf(images, role, mirrored))) {
      const sectors = Math.ceil(target.bytes.length / 512);
      for (const sector of spread(sectors, some(scale, mirrored ? 4 : 8))) {
        for (const [length, kind] of [
          [pageBytes, 'noise'],
          [512, 'noise'],
          [pageBytes, 'zeros'],
          [512, 'zeros'],
        ] as const) {
          const spoil = () => spoiled(target.bytes, sector * 512, length, kind);
          yield damaged(target, `${length} bytes of ${kind} at sector ${sector}`, spoil);
        }
      }
    }
  },
});

function spoiled(bytes: Buffer, at: number, length: number, kind: 'noise' | 'zeros'): Buffer {
  const copy = Buffer.from(bytes);
  for (let n = at; n < Math.min(copy.length, at + length); n += 1) {
    copy[n] = kind === 'zeros' ? 0 : (Math.imul(n + 1, 0x9e3779b1) >>> 24) & 0xff;
  }
  return copy;
}

/** Two pages of the database, or two frames of the WAL, in each other's place, or one doubled. */
const swapped = (mirrored: boolean): Check => ({
  name: nameOf('swapped', mirrored),
  about: `pages of the database or frames of the WAL swapped or doubled${withMirror(mirrored)}`,
  *trials(images, scale) {
    const inDatabase = targetsOf(images, 'database', mirrored).map((target) => {
      return { target, from: 0, unit: pageBytes };
    });
    const inWal = targetsOf(images, 'WAL', mirrored).map((target) => {
      return { target, from: 32, unit: pageBytes + 24 };
    });
    for (const { target, from, unit } of [...inDatabase, ...inWal]) {
      const pairs = pairsBelow(Math.floor((target.bytes.length - from) / unit));
      for (const n of spread(pairs.length, some(scale, mirrored ? 10 : 30))) {
        const [a = 0, b = 0] = pairs[n] ?? [];
        const [first, second] = [from + a * unit, from + b * unit];
        for (const both of [true, false]) {
          const change = () => moved(target.bytes, first, second, unit, both);
          yield damaged(target, `${both ? 'swapped' : 'doubled'} ${a} and ${b}`, change);
        }
      }
    }
  },
});

function pairsBelow(count: number): [number, number][] {
  const all = Array.from({ length: count }, (_, n) => n);
  return all.flatMap((a) => all.slice(a + 1).map((b): [number, number] => [a, b]));
}

function moved(bytes: Buffer, a: number, b: number, length: number, both: boolean): Buffer {
  const copy = Buffer.from(bytes);
  bytes.copy(copy, b, a, a + length);
  if (both) bytes.copy(copy, a, b, b + length);
  return copy;
}

/** All checks of damage to one file. */
export const damageChecks: readonly Check[] = [
  flips('database', 1_900, false),
  flips('WAL', 2_200, false),
  flips('tip', 300, false),
  cuts('database', 700, false),
  cuts('WAL', 800, false),
  cuts('tip', 200, false),
  noise(false),
  swapped(false),
  flips('database', 600, true),
  flips('WAL', 700, true),
  flips('tip', 200, true),
  flips('mirror', 700, true),
  cuts('database', 300, true),
  cuts('WAL', 400, true),
  cuts('tip', 100, true),
  cuts('mirror', 400, true),
  noise(true),
  swapped(true),
];
