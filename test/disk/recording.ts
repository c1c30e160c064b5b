import type { LogFiles } from './log-files.ts';

/** One thing that was done to the disk, as the shim has recorded it. */
export type Act =
  | { readonly kind: 'create' | 'sync' | 'unlink'; readonly path: string }
  | { readonly kind: 'truncate'; readonly path: string; readonly length: number }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  | { readonly kind: 'write'; readonly path: string; readonly at: number; readonly data: Buffer };

const headBytes = 17;

/** Reads what the shim has recorded: see disk-shim.c. A killed process may have half written the last. */
export function readRecording(bytes: Buffer): Act[] {
  const acts: Act[] = [];
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const op = bytes.toString('latin1', at, at + 1);
    const pathAt = at + headBytes;
    const secondAt = pathAt + bytes.readUInt16LE(at + 1);
    const dataAt = secondAt + bytes.readUInt16LE(at + 3);
    const offset = Number(bytes.readBigUInt64LE(at + 5));
    const end = dataAt + bytes.readUInt32LE(at + 13);
    if (end > bytes.length) break;
    const path = bytes.toString('utf8', pathAt, secondAt);
    const data = bytes.subarray(dataAt, end);
    acts.push(actOf(op, path, bytes.toString('utf8', secondAt, dataAt), offset, data));
    at = end;
  }
  return acts;
}

function actOf(op: string, path: string, second: string, offset: number, data: Buffer): Act {
  switch (op) {
    case 'c':
      return { kind: 'create', path };
    case 's':
      return { kind: 'sync', path };
    case 'u':
      return { kind: 'unlink', path };
    case 't':
      return { kind: 'truncate', path, length: offset };
    case 'r':
      return { kind: 'rename', path, to: second };
    case 'w':
      return { kind: 'write', path, at: offset, data };
    default:
      throw new Error(`the recording has an act ${op}`);
  }
}

/** A change of a file's content, in its order. */
type Change = Extract<Act, { kind: 'write' | 'truncate' }>;

/** A file, whatever name it has: what the disk holds for certain, and what was not forced yet. */
interface Inode {
  durable: Buffer;
}

/** Something that may have reached the disk or not: a change of a file, or of a name. */
type Loose =
  | { readonly inode: Inode; readonly change: Change }
  | { readonly name: string; readonly inode: Inode | undefined };

/** Which of the loose acts a power cut lets through; a torn write keeps its first sectors only. */
export type Fate = 'kept' | 'lost' | 'torn';

/**
 * A disk that forgets. What was forced is there after a power cut; of all else any part may be. A
 * name (made, renamed, removed) is forced by a sync of its folder, a content by a sync of its file.
 */
export class ForgetfulDisk {
  readonly #dir: string;
  readonly #durable = new Map<string, Inode>();
  readonly #current = new Map<string, Inode>();
  #loose: Loose[] = [];

  constructor(dir: string, files: LogFiles) {
    this.#dir = dir;
    for (const [name, bytes] of files) {
      const inode = { durable: bytes };
      this.#durable.set(name, inode);
      this.#current.set(name, inode);
    }
  }

  /** How much is not forced. */
  get looseCount(): number {
    return this.#loose.length;
  }

  /** Takes in the next act. */
  take(act: Act): void {
    if (act.kind === 'sync' && act.path === this.#dir) {
      this.#force((loose) => 'name' in loose);
      return;
    }
    const name = act.path.slice(this.#dir.length + 1);
    // Copies for reading are never read again, and the lock has no content.
    if (!act.path.startsWith(`${this.#dir}/`) || name.includes('/') || name === 'lock.db') return;
    const inode = this.#current.get(name);
    switch (act.kind) {
      case 'create':
        if (!inode) this.#setName(name, { durable: Buffer.alloc(0) });
        break;
      case 'unlink':
        this.#setName(name, undefined);
        break;
      case 'rename':
        this.#setName(act.to.slice(this.#dir.length + 1), inode);
        this.#setName(name, undefined);
        break;
      case 'sync':
        this.#force((loose) => 'change' in loose && loose.inode === inode);
        break;
      case 'write':
      case 'truncate':
        if (!inode) throw new Error(`${act.kind} of ${name}, which is not there`);
        this.#loose.push({ inode, change: act });
    }
  }

  /** What the disk holds after a power cut that lets through what `fate` says. */
  cut(fate: (n: number) => Fate): LogFiles {
    const names = new Map(this.#durable);
    const contents = new Map<Inode, Buffer>();
    for (const [n, loose] of this.#loose.entries()) {
      const how = fate(n);
      if (how === 'lost') continue;
      if ('name' in loose) setName(names, loose.name, loose.inode);
      else {
        const before = contents.get(loose.inode) ?? loose.inode.durable;
        contents.set(loose.inode, changed(before, loose.change, how));
      }
    }
    return new Map([...names].map(([name, inode]) => [name, contents.get(inode) ?? inode.durable]));
  }

  #setName(name: string, inode: Inode | undefined): void {
    setName(this.#current, name, inode);
    this.#loose.push({ name, inode });
  }

  #force(isForced: (loose: Loose) => boolean): void {
    const forced = this.#loose.filter(isForced);
    this.#loose = this.#loose.filter((loose) => !isForced(loose));
    for (const loose of forced) {
      if ('name' in loose) setName(this.#durable, loose.name, loose.inode);
      else loose.inode.durable = changed(loose.inode.durable, loose.change, 'kept');
    }
  }
}

function setName(names: Map<string, Inode>, name: string, inode: Inode | undefined): void {
  if (inode) names.set(name, inode);
  else names.delete(name);
}

const sectorBytes = 512;

function changed(before: Buffer, change: Change, how: Fate): Buffer {
  if (change.kind === 'truncate') {
    const after = Buffer.alloc(change.length);
    before.copy(after);
    return after;
  }
  const { at, data } = change;
  const sectors = Math.ceil(data.length / sectorBytes);
  const kept = how === 'torn' ? data.subarray(0, (sectors >> 1) * sectorBytes) : data;
  const after = Buffer.alloc(Math.max(before.length, at + kept.length));
  before.copy(after);
  kept.copy(after, at);
  return after;
}
