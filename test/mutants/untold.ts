import type { Mutant } from './mutant.ts';

const whole = 'test/coordinator/whole-transactions.test.ts';
const blocks = 'test/coordinator/gid-blocks.test.ts';
const untold = 'test/participant-sdk/client/untold.test.ts';
const branches = 'test/participant-sdk/protocol/branch-rules.test.ts';

/** Defects of transactions that begin without a word and are told whole. */
export const untoldTransactions: readonly Mutant[] = [
  {
    name: 'takes a gid that its session has not told of for aborted',
    file: 'coordinator/src/coordinator.ts',
    from: "if (this.transactions.holderOf(birth) !== undefined) return 'wait';",
    to: '',
    breaks: ['rule 1', 'rule 10', 'scenario 8'],
    tests: [`${whole} > may be live`, untold],
  },
  {
    name: 'answers aborted for a gid that its session has not told of',
    file: 'coordinator/src/coordinator.ts',
    from: "return bareOutcome(gid, 'OUTCOME_UNKNOWN');\n    }\n    if (this.transactions.isUnborn",
    to: "return bareOutcome(gid, 'OUTCOME_ABORTED');\n    }\n    if (this.transactions.isUnborn",
    breaks: ['rule 1', 'rule 9'],
    tests: [`${whole} > may be live`],
  },
  {
    name: 'lets the gids of a session outlive it',
    file: 'coordinator/src/transactions.ts',
    from: 'this.blocks.endSession(session);',
    to: '',
    breaks: ['rule 1', 'rule 8'],
    tests: [`${whole} > when the session is lost`],
  },
  {
    name: 'lets a session use the gids of another',
    file: 'coordinator/src/untold-transactions.ts',
    from: "if (!('session' in owner) || owner.session !== holder) {",
    to: "if (!('session' in owner)) {",
    breaks: ['rule 1'],
    tests: [`${whole} > under a gid of another session`],
  },
  {
    name: 'keeps a gid alive whose transaction it has refused',
    file: 'coordinator/src/gid-blocks.ts',
    from: 'block.born[counter - block.first] = 1;',
    to: '',
    breaks: ['rule 1', 'rule 8'],
    tests: [whole, blocks],
  },
  {
    name: 'asks for votes that have come already',
    file: 'coordinator/src/protocol/step.ts',
    from: 'if (event.isAnswered) return nothing;',
    to: '',
    breaks: ['promise: one round trip'],
    tests: [whole],
  },
  {
    name: 'takes a transaction whole after its deadline',
    file: 'coordinator/src/untold-transactions.ts',
    from: 'if (message.remainingMs === 0) {',
    to: 'if (message.remainingMs < 0) {',
    breaks: ['rule 4'],
    tests: [whole],
  },
  {
    name: 'refuses who joins a transaction before its begin has come',
    file: 'coordinator/src/sessions/peer-sessions.ts',
    from: 'const told = this.#coordinator.untold.whenTold(gid);',
    to: 'const told = undefined as Promise<void> | undefined;',
    breaks: ['rule 1'],
    tests: [`${whole} > an enlist that came before`],
  },
  {
    name: 'aborts alone after its vote has left with the whole',
    file: 'participant-sdk/src/client/commit-whole.ts',
    from: "for (const driver of local.drivers) driver.input({ kind: 'handed-over' });",
    to: '',
    breaks: ['rule 3'],
    tests: [`${untold} > whose answer is lost`],
  },
  {
    name: 'keeps a branch prepared whose vote nobody has',
    file: 'participant-sdk/src/protocol/branch-decide.ts',
    from: 'if (!state.unasked || keep) return [];',
    to: 'if (keep || !keep) return [];',
    breaks: ['rule 3', 'promise: locks go at once'],
    tests: [branches],
  },
  {
    name: 'aborts alone although its vote was handed over',
    file: 'participant-sdk/src/protocol/branch-evolve.ts',
    from: "return state.at === 'prepared' ? hold(state.vote) : state;",
    to: 'return state;',
    breaks: ['rule 3'],
    tests: [branches],
  },
  {
    name: 'leaves prepared what the coordinator has refused',
    file: 'participant-sdk/src/client/commit-whole.ts',
    from: 'followAbort(local);\n  return error.code',
    to: 'return error.code',
    breaks: ['rule 8', 'promise: locks go at once'],
    tests: [`${untold} > that the coordinator refuses`],
  },
  {
    name: 'does not tell of a transaction when its gid leaves the process',
    file: 'participant-sdk/src/propagation/join.ts',
    from: 'const gid = scope.transaction.handOut();',
    to: 'const { gid } = scope.transaction;',
    breaks: ['rule 1'],
    tests: [`${untold} > is told at once`],
  },
  {
    name: 'never tells of a transaction that stays open',
    file: 'participant-sdk/src/client/late-telling.ts',
    from: 'if (sinceMs > untilMs) return;',
    to: 'if (sinceMs > 0) return;',
    breaks: ['promise: operators see what is open'],
    tests: [`${untold} > is told after a while`],
  },
];
