/** What can happen, by name. */
export type Happening = (typeof happenings)[number];

export const happenings = [
  // By themselves.
  ...([
    'connect',
    'enlist',
    'whole',
    'commit',
    'order',
    'reply',
    'log answers',
    'restart',
  ] as const),
  'one-phase commit lands',
  // Odd, and harmless.
  ...(['commit early', 'flush', 'order doubled', 'reply doubled', 'not yet', 'scan'] as const),
  ...(['told again', 'vote again', 'second instance'] as const),
  // Failures.
  ...(['coordinator crashes', 'coordinator loses session'] as const),
  ...(['participant crashes', 'participant loses session', 'participant aborts alone'] as const),
  ...(['one-phase commit fails', 'abort', 'deadline', 'client lost'] as const),
  // Hands.
  ...(['hand commits', 'hand rolls back', 'restore', 'resolve'] as const),
] as const;

/** Something that can happen next. `pick` decides what it leaves open. */
export interface Action {
  readonly name: Happening;
  act(pick: number): void;
}
