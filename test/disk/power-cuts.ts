import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Check, type LazyTrial, type Scale, spread } from './check-list.ts';
import { type Beginning, beginningsOf, Ledger, live, mirrorIn, type Told } from './life.ts';
import { lifeDir } from './life-dir.ts';
import type { LogFiles } from './log-files.ts';
import { type Act, type Fate, ForgetfulDisk, readRecording } from './recording.ts';
import { recordTo, stopRecording, watchedFolder } from './shim/shim-control.ts';

/** Power cuts after every act of recorded lives, with any part of what was not forced. */
export const powerCuts: Check = {
  name: 'power-cut',
  about: 'power cut after every write, sync, truncation, rename and removal of a life',
  *trials(images, scale) {
    for (const beginning of beginningsOf(images)) yield* cutsOf(recordLife(beginning), scale);
  },
};

const toldName = 'told';

/** A life as the disk saw it, and what was told between. */
interface RecordedLife {
  readonly dir: string;
  readonly beginning: Beginning;
  readonly acts: readonly Act[];
}

function recordLife(beginning: Beginning): RecordedLife {
  using dir = lifeDir(beginning.files);
  recordTo('recording', dir.path);
  // What is told is written to a file beside the log, so that it stands in its place among the acts.
  const tell: Told = (what, decision) => {
    appendFileSync(join(dir.path, toldName), `${what} ${decision}`);
  };
  live(dir.path, tell, mirrorIn(dir.path, beginning));
  stopRecording();
  const recording = readFileSync(join(watchedFolder() ?? '', 'recording'));
  return { dir: dir.path, beginning, acts: readRecording(recording) };
}

function* cutsOf(life: RecordedLife, scale: Scale): Generator<LazyTrial> {
  const { dir, beginning, acts } = life;
  const { name, hasMirror } = beginning;
  const disk = new ForgetfulDisk(dir, beginning.files);
  const ledger = new Ledger(beginning.promises);
  const random = newRandom(1);
  const seen = new Set<string>();
  for (const [n, act] of acts.entries()) {
    if (!act.path.endsWith(`/${toldName}`)) disk.take(act);
    else if (act.kind === 'write') hear(ledger.told, act.data);
    if (scale === 'sample' && n % 4 !== 0) continue;
    const { promises } = ledger;
    for (const [how, fate] of fates(disk.looseCount, scale, random)) {
      yield () => {
        const files = disk.cut(fate);
        // The same files with other promises are another trial.
        const key = digest(files, promises.acked.length, promises.asked.length);
        if (seen.has(key)) return undefined;
        seen.add(key);
        const what = `after act ${n + 1} of ${acts.length} (${act.kind}) on ${name}, ${how}`;
        return { what, files, promises, hasMirror, mustStart: true };
      };
    }
  }
}

function hear(told: Told, line: Buffer): void {
  const [what = '', decision = ''] = line.toString('utf8').split(' ');
  told(what as Parameters<Told>[0], decision);
}

/** Which parts of what was not forced to let through. */
function* fates(
  count: number,
  scale: Scale,
  random: () => number,
): Generator<[string, (n: number) => Fate]> {
  yield ['all kept', () => 'kept'];
  yield ['all lost', () => 'lost'];
  const most = { sample: 1, quick: 2, full: Infinity, long: Infinity }[scale];
  for (const one of spread(count, most)) {
    yield [`number ${one} lost`, (n) => (n === one ? 'lost' : 'kept')];
    yield [`number ${one} torn`, (n) => (n === one ? 'torn' : 'kept')];
    yield [`only ${one} kept`, (n) => (n === one ? 'kept' : 'lost')];
  }
  const subsets = count > 1 ? { sample: 0, quick: 1, full: 20, long: 150 }[scale] : 0;
  for (let n = 0; n < subsets; n += 1) {
    const drawn = Array.from({ length: count }, () => random());
    const part = drawn.map(
      (value): Fate => (value < 0.45 ? 'kept' : value < 0.9 ? 'lost' : 'torn'),
    );
    yield [`a part of it: ${part.join()}`, (at) => part[at] ?? 'kept'];
  }
}

function digest(files: LogFiles, ...counts: number[]): string {
  const hash = createHash('sha1').update(counts.join());
  for (const [name, bytes] of files) hash.update(`${name} ${bytes.length} `).update(bytes);
  return hash.digest('hex');
}

/** Numbers from 0 to 1 that are the same in each run. */
function newRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}
