/** The branches of every transaction of the echo. */
export const echoedBranches = [
  { branch: 1, rm: 'first-db' },
  { branch: 2, rm: 'second-db' },
] as const;
