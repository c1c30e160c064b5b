import type { RuleName } from './without.ts';

/** Where a rule is missed when it is taken out, and what the story must speak of. */
export interface Mutation {
  readonly rule: RuleName;
  readonly variant: string;
  readonly violation: RegExp;
  /** Sentences of the story, in their order. */
  readonly story: readonly RegExp[];
}

/** Every rule that can be taken out, with the small world that shows why it is there. */
export const mutations: readonly Mutation[] = [
  {
    rule: '1-order',
    variant: 'pair',
    violation: /^AC3: it was answered committed, and the work in rm1 was never prepared/,
    story: [/calls the service of rm1/, /client's commit arrives.*hears committed/],
  },
  {
    rule: '1-begin',
    variant: 'pair',
    violation: /^AC2/,
    story: [/coordinator restarts.*hears aborted/, /receives the enlist/, /hears committed/],
  },
  {
    rule: '1-reserved',
    variant: 'whole-twins',
    violation: /^AC1/,
    story: [/looks for prepared branches/, /receives the verdict abort/],
  },
  {
    rule: '1-void',
    variant: 'whole',
    violation: /^liveness: rm1 stays prepared for ever/,
    story: [/dies/, /PREPARE of the dead process lands/],
  },
  {
    rule: '1-home',
    variant: 'whole-at-home',
    violation: /^AC[12]: .*aborted (was|were) answered/,
    story: [/commit, and tells nobody/],
  },
  {
    rule: '9-home',
    variant: 'whole-at-home',
    violation: /^AC1: aborted was answered, and rm1 has committed/,
    story: [/commit, and tells nobody/],
  },
  {
    rule: '1-votes',
    variant: 'whole',
    violation: /^AC1: .*rm1 has rolled back/,
    story: [/tells the coordinator/, /receives the whole/],
  },
  {
    rule: '2-incarnation',
    variant: 'pair',
    violation: /^AC1: rm2 has committed, and rm1 has rolled back/,
    story: [/dies; rm1 has rolled back/, /receives the vote read-only/, /rm2 has committed/],
  },
  {
    rule: '2-whole',
    variant: 'late-work',
    violation: /^AC3: half of the work in rm2 was committed/,
    story: [/gives up its call of rm2/, /prepared, with half of its work/, /vote yes/],
  },
  {
    rule: '3-log',
    variant: 'pair',
    violation: /^AC2/,
    story: [/is deciding/, /deadline passes.*hears aborted/, /crashes; 1 of 1 appends landed/],
  },
  {
    rule: '3-yes',
    variant: 'pair-sessions',
    violation: /^AC1: rm\d has committed, and rm\d has rolled back/,
    story: [/is prepared/, /(its session is lost|deadline passes in process)/, /executes abort/],
  },
  {
    rule: '3-hello',
    variant: 'logged',
    violation: /the effect in rm2 was lost/,
    story: [
      /opens a new session/,
      /question about a prepared branch.*is deciding/,
      /receives apply/,
    ],
  },
  {
    rule: '3-handed-over',
    variant: 'whole',
    violation: /^AC1/,
    story: [/tells the coordinator/, /its session is lost/, /executes abort/],
  },
  {
    rule: '6-fence',
    variant: 'one-phase',
    violation: /^AC1: aborted was answered, and rm1 has committed/,
    story: [/is delegated/, /crashes; what was on the way to the log is lost/, /hears aborted/],
  },
  {
    rule: '7-mark',
    variant: 'forgetting',
    violation: /^AC2/,
    story: [/hears committed/, /retention of the outcome is over.*hears aborted/],
  },
  {
    rule: '8-acknowledged',
    variant: 'forgetting',
    violation: /^AC1: rm\d has committed, and rm\d has rolled back/,
    story: [/has committed/, /retention of the outcome is over/, /receives the verdict abort/],
  },
  {
    rule: '8-orphan',
    variant: 'pair',
    violation: /^liveness: rm\d stays prepared for ever/,
    story: [/crashes/, /hears aborted/, /executes prepare; rm\d is prepared/],
  },
  {
    rule: '8-incarnation',
    variant: 'forgetting',
    violation: /^AC1/,
    story: [/brought back to an earlier time/, /hears expired/, /receives the verdict abort/],
  },
  {
    rule: '10-resend',
    variant: 'pair',
    violation: /^liveness: commit of rm1 is never acknowledged/,
    story: [
      /crashes/,
      /Nothing fails from here on/,
      /restarts.*is committing/,
      /rm1 has committed/,
    ],
  },
  {
    rule: '10-wait',
    variant: 'twins',
    violation: /^AC1/,
    story: [/looks for prepared branches/, /receives the verdict abort/, /has rolled back/],
  },
  {
    rule: '11-unknown',
    variant: 'by-hand',
    violation: /ended by hand against the decision, and nobody reports it/,
    story: [/rolls back the branch in rm\d by hand/, /the answer rolled-back/],
  },
  {
    rule: '13-abort-receipt',
    variant: 'by-hand',
    violation: /ended by hand against the decision, and nobody reports it/,
    story: [/commits the branch in rm1 by hand/, /executes abort/, /the answer rolled-back/],
  },
  {
    rule: '13-word',
    variant: 'operator',
    violation: /^AC2/,
    story: [/operator resolves the branch in rm1 as/, /crashes; what was on the way/, /hears/],
  },
  {
    rule: '13-append',
    variant: 'operator',
    violation: /^AC2/,
    story: [
      /as abandoned/,
      /as committed/,
      /log answers.*hears committed/,
      /crashes/,
      /hears aborted/,
    ],
  },
  {
    rule: '13-found',
    variant: 'audited',
    violation: /^rule 13: rm1 was ended by hand, and has no entry of it/,
    story: [/rolls back the branch in rm1 by hand/, /rm1 executes commit/, /answer rolled-back/],
  },
  {
    rule: '13-entry',
    variant: 'audited',
    violation: /^rule 13: rm1 was ended by an operator's word, and has no entry of it/,
    story: [/operator resolves the branch in rm1 as/, /receives the verdict/, /rm1 executes abort/],
  },
  {
    rule: '13-audited',
    variant: 'audited-deaths',
    violation: /^rule 13: rm1 has an entry that it was committed, and nobody reports it/,
    story: [/writes into rm1 that they will commit it/, /by hand; rm1 has committed/, /is aborted/],
  },
  {
    rule: '14-place',
    variant: 'overwriting',
    violation: /^rule 14: the target shows the value of place 1, the newest is 2/,
    story: [/transaction 2 is committing/, /transaction 1 is committing/, /executes commit/],
  },
  {
    rule: '15-after-natives',
    variant: 'logged',
    violation: /^rule 15: an effect went out while rm1 was only prepared/,
    story: [/is committing/, /receives apply/, /rm2 executes commit/],
  },
  {
    rule: '15-unasked',
    variant: 'logged-unasked',
    violation: /^rule 15: an effect went out while rm1 was only prepared/,
    story: [/is committing/, /applies its effect before it is asked/],
  },
  {
    rule: '16-acknowledged',
    variant: 'audited-crash',
    violation: /^rule 16: after a restart rm\d is told again/,
    story: [/by hand/],
  },
  {
    rule: '17-position',
    variant: 'restored-log',
    violation: /^AC1: rm\d has committed, and rm\d has rolled back/,
    story: [/old backup of the coordinator's log/, /restarts/, /receives the verdict abort/],
  },
  {
    rule: '18-start',
    variant: 'two-crashes',
    violation: /^AC2/,
    story: [/crashes; 1 of 1 appends landed/, /hears committed/, /is lost/, /hears aborted/],
  },
  {
    rule: '19-log-id',
    variant: 'embedded',
    violation: /^rule 19: process \d ends a branch of another coordinator in rm1/,
    story: [/in rm1 is prepared/, /looks for prepared branches/, /receives the verdict abort/],
  },
  {
    rule: '20-undetermined',
    variant: 'pair',
    violation: /^AC2/,
    story: [/is deciding/, /crashes; 1 of 1 appends landed; .*hears aborted/, /hears committed/],
  },
];
