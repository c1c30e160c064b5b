/**
 * Places where tests stop the engine for good: after each of them the files must give one answer.
 * Listed in the order in which a start and then an append reach them.
 */
export const crashPoints = [
  'start.before-read',
  'start.before-write',
  'start.before-rename',
  'start.before-folder-sync',
  'start.before-tip',
  'start.before-removal',
  'start.done',
  'append.before-write',
  'append.before-commit',
  'append.before-tip',
  'append.before-reply',
  'compact.before-commit',
  'compact.before-checkpoint',
] as const;

/** Name of a place where tests stop the engine. */
export type CrashPoint = (typeof crashPoints)[number];

/** Told of every crash point that is reached; a test's version throws or kills the process. */
export type OnCrashPoint = (point: CrashPoint) => void;
