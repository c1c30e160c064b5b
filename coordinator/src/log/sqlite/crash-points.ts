/**
 * Places where tests stop the engine for good: after each of them the files must give one answer.
 * Listed in the order in which a start and then an append reach them.
 */
export const crashPoints = [
  'start.before-read',
  'start.before-write',
  'start.before-rename',
  'start.before-folder-sync',
  'start.before-mirror',
  'start.before-tip',
  'start.before-removal',
  'start.done',
  'append.before-write',
  'append.before-commit',
  'append.before-mirror',
  'append.before-tip',
  'append.before-reply',
  'compact.before-commit',
  'compact.before-checkpoint',
  'compact.before-mirror',
] as const;

/** Name of a place where tests stop the engine. */
export type CrashPoint = (typeof crashPoints)[number];

/** Told of every crash point that is reached; a test's version throws or kills the process. */
export type OnCrashPoint = (point: CrashPoint) => void;

/** What a test wants to happen, and where. */
export interface PlannedCrash {
  readonly at: CrashPoint;
  /** `kill`: SIGKILL for the whole process. `throw`: an I/O error there. */
  readonly how: 'kill' | 'throw';
}

/** Carries out a planned crash. */
export function crashOn(planned: PlannedCrash | undefined): OnCrashPoint {
  return (point) => {
    if (point !== planned?.at) return;
    if (planned.how === 'kill') process.kill(process.pid, 'SIGKILL');
    throw Object.assign(new Error(`planned at ${point}`), { code: 'EIO' });
  };
}
