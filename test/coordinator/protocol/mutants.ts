import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { type Defect, type Guarantee, withDefect } from '../../mutants/mutant.ts';
import { agreement, irrevocable, nontriviality, termination } from './atomic-commitment.ts';
import { validity } from './atomic-commitment.ts';
import type { Core } from './core.ts';
import { lastMutants } from './last-mutants.ts';
import { enlistedOnlyWhileActive, loggedAfterNative, onlyTheLogMoves } from './message-rules.ts';
import { onePhaseFollowsReceipt, readersHearNothing, votesCountOnce } from './message-rules.ts';
import { votesFromItsSession, wholeOrders } from './message-rules.ts';
import { endedWhenAcknowledged, heuristicsStay, operatorsWordStays } from './record-rules.ts';
import { persistBeforeSend, presumedAbort, replayedLikeLive, toldNoMore } from './record-rules.ts';
import type { Rule } from './rule.ts';

/** The core with one defect, and the rules each of which must find it. */
export interface CoreMutant extends Defect {
  readonly file: `${'answers' | 'decide' | 'decide-phase-two' | 'record' | 'step' | 'transaction'}.ts`;
  readonly breaks: readonly Guarantee[];
  readonly killers: readonly Rule[];
}

const deciding: readonly CoreMutant[] = [
  {
    name: 'decides one vote early',
    breaks: ['rule 3', 'scenario 3'],
    file: 'decide.ts',
    from: 'if (state.branches.some(isUnvoted)) return [];',
    to: 'if (state.branches.filter(isUnvoted).length > 1) return [];',
    killers: [validity],
  },
  {
    name: 'commits on a no beside a read-only',
    breaks: ['scenario 19'],
    file: 'decide.ts',
    from: "if (vote.is === 'no') return { events: [event, ...eventsOf(decideAbort(after, vote.reason))] };",
    to: '',
    killers: [validity],
  },
  {
    name: 'commits on a no that comes with a whole',
    breaks: ['scenario 19'],
    file: 'decide.ts',
    from: "if (no) return { events: [came, { kind: 'aborted', reason: no }] };",
    to: '',
    killers: [validity],
  },
  {
    name: 'aborts on a read-only vote',
    breaks: ['scenario 19'],
    file: 'decide.ts',
    from: "if (vote.is === 'no') return { events: [event, ...eventsOf(decideAbort(after, vote.reason))] };",
    to: `if (vote.is === 'no' || vote.is === 'read-only') {
      const why = reason('internal', 'mutant');
      return { events: [event, ...eventsOf(decideAbort(after, why))] };
    }`,
    killers: [nontriviality],
  },
  {
    name: 'honours the deadline while the decision is with the log',
    breaks: ['rule 3'],
    file: 'decide.ts',
    from: "if (state.phase !== 'active' && state.phase !== 'preparing') return nothing;",
    to: "if (!['active', 'preparing', 'deciding'].includes(state.phase)) return nothing;",
    killers: [onlyTheLogMoves, agreement, persistBeforeSend],
  },
  {
    name: 'takes a branch after the commit was asked for',
    breaks: ['rule 1'],
    file: 'decide.ts',
    from: "if (state.phase !== 'active') return { refused: notLive(state, 'enlist') };",
    to: "if (!['active', 'preparing'].includes(state.phase)) return { refused: notLive(state, '') };",
    killers: [enlistedOnlyWhileActive],
  },
  {
    name: 'counts a vote from another session',
    breaks: ['rule 2'],
    file: 'decide.ts',
    from: ' || branch.session !== input.session) return nothing;',
    to: ') return nothing;',
    killers: [votesFromItsSession],
  },
  {
    name: 'counts a vote twice',
    breaks: ['scenario 18'],
    file: 'decide.ts',
    from: "if (branch?.state.is !== 'asked' || ",
    to: 'if (branch === undefined || ',
    killers: [votesCountOnce],
  },
  {
    name: 'chooses one phase by the first branch alone',
    breaks: ['rule 6', 'scenario 19'],
    file: 'decide.ts',
    from: 'second === undefined && ',
    to: '',
    killers: [onePhaseFollowsReceipt],
  },
  {
    name: 'answers abort to a branch in doubt while the decision is with the log',
    breaks: ['rule 3', 'rule 10'],
    file: 'answers.ts',
    from: "return 'wait';",
    to: "return state.phase === 'deciding' ? 'abort' : 'wait';",
    killers: [agreement, persistBeforeSend],
  },
];

const logging: readonly CoreMutant[] = [
  {
    name: 'does not force the decision',
    breaks: ['scenario 2', 'scenario 15'],
    file: 'record.ts',
    from: "'commit-decided': 'forced'",
    to: "'commit-decided': 'lazy'",
    killers: [agreement, irrevocable, presumedAbort, persistBeforeSend],
  },
  {
    name: 'does not force the permission for one phase',
    breaks: ['rule 6'],
    file: 'record.ts',
    from: "delegated: 'forced'",
    to: "delegated: 'lazy'",
    killers: [irrevocable, presumedAbort],
  },
  {
    name: 'logs an abort',
    breaks: ['promise: presumed abort'],
    file: 'decide.ts',
    from: "return { events: [{ kind: 'aborted', reason: why }] };",
    to: "return { events: [{ kind: 'aborted', reason: why }, { kind: 'ended', gid: state.gid }] };",
    killers: [presumedAbort],
  },
  {
    name: 'sends commit before the decision is durable',
    breaks: ['scenario 2', 'scenario 15'],
    file: 'step.ts',
    from: "    case 'recorded':\n      return after.phase === 'delegated'",
    to: `    case 'commit-decided':
      return after.branches.filter((b) => !isOver(b)).map(message('commit'));
    case 'recorded':
      return after.phase === 'delegated'`,
    killers: [persistBeforeSend, agreement],
  },
  {
    name: 'ends after the first acknowledgement',
    breaks: ['rule 8', 'scenario 16'],
    file: 'decide-phase-two.ts',
    from: 'state.branches.every((b) => b === branch || isOver(b))',
    to: 'state.branches.some((b) => b === branch || isOver(b))',
    killers: [endedWhenAcknowledged, termination],
  },
  {
    name: 'ends what did not follow, as if all had acknowledged',
    breaks: ['rule 13', 'scenario 6'],
    file: 'decide-phase-two.ts',
    from: "if (!branches.some(deviates)) return [{ kind: 'ended', gid }];",
    to: "if (branches.length > 0) return [{ kind: 'ended', gid }];",
    killers: [endedWhenAcknowledged],
  },
  {
    name: 'does not log who has acknowledged beside what did not follow',
    breaks: ['rule 16'],
    file: 'decide-phase-two.ts',
    from: "return isNews ? [{ kind: 'acknowledged', gid, by }] : [];",
    to: 'return isNews ? [] : [];',
    killers: [toldNoMore],
  },
  {
    name: 'tells again who has acknowledged beside what did not follow',
    breaks: ['rule 16'],
    file: 'transaction.ts',
    from: 'return { ...before, branches: haveFollowed(branches, event.by) };',
    to: 'return before;',
    killers: [toldNoMore],
  },
  {
    name: 'takes a delegated transaction for a committed one after a restart',
    breaks: ['rule 6'],
    file: 'transaction.ts',
    from: "return { phase: 'delegating', gid: event.gid, branches: [",
    to: "return { phase: 'deciding', gid: event.gid, branches: [",
    killers: [agreement, replayedLikeLive, onePhaseFollowsReceipt],
  },
  {
    name: 'forgets the redo payload in the record',
    breaks: ['rule 3'],
    file: 'decide-phase-two.ts',
    from: 'return { branch, rm, kind, incarnation, receipt, redo };',
    to: 'return { branch, rm, kind, incarnation, receipt, redo: new Uint8Array() };',
    killers: [wholeOrders],
  },
  {
    name: 'tells a read-only branch to commit, until it restarts',
    breaks: ['scenario 19'],
    file: 'answers.ts',
    from: "branch === undefined || branch.state.is === 'read-only'",
    to: 'branch === undefined',
    killers: [replayedLikeLive],
  },
];

const telling: readonly CoreMutant[] = [
  {
    name: 'applies logged branches before the native ones have committed',
    breaks: ['rule 15'],
    file: 'step.ts',
    from: 'if (!nativesOver(state)) return natives;',
    to: "if (!nativesOver(state)) return open.map((b) => message(b.kind === 'native' ? 'commit' : 'apply')(b));",
    killers: [loggedAfterNative],
  },
  {
    name: 'never applies logged branches',
    breaks: ['rule 15'],
    file: 'step.ts',
    from: "return open.map(message('apply'));",
    to: 'return [];',
    killers: [nontriviality, termination],
  },
  {
    name: 'commits what was read-only',
    breaks: ['scenario 19'],
    file: 'transaction.ts',
    from: "    case 'no':\n    case 'read-only':\n    case 'committed':",
    to: "    case 'no':\n    case 'committed':",
    killers: [readersHearNothing],
  },
  {
    name: 'tells nobody of an abort',
    breaks: ['scenario 7'],
    file: 'step.ts',
    from: "return before.branches.filter((b) => !isOver(b)).map(message('abort'));",
    to: 'return [];',
    killers: [termination],
  },
  {
    name: 'never asks for the receipt again',
    breaks: ['rule 6'],
    file: 'step.ts',
    from: "return open.filter(isPermitted).map(message('settle'));",
    to: 'return [];',
    killers: [termination],
  },
  {
    name: 'permits one phase again instead of asking for the receipt',
    breaks: ['rule 6'],
    file: 'step.ts',
    from: "return open.filter(isPermitted).map(message('settle'));",
    to: "return open.filter(isPermitted).map(message('one-phase'));",
    killers: [onePhaseFollowsReceipt],
  },
];

const settling: readonly CoreMutant[] = [
  {
    name: 'settles a rolled-back one phase as committed',
    breaks: ['rule 6'],
    file: 'decide-phase-two.ts',
    from: "kind: 'settled', gid, outcome: 'aborted'",
    to: "kind: 'settled', gid, outcome: 'committed'",
    killers: [agreement, onePhaseFollowsReceipt],
  },
  {
    name: 'takes an unknown branch for a success',
    breaks: ['rule 11'],
    file: 'decide-phase-two.ts',
    from: "  if (result.is !== 'committed') {\n    if (branch",
    to: '  if (false) {\n    if (branch',
    killers: [heuristicsStay, endedWhenAcknowledged],
  },
  {
    name: 'lets an acknowledgement wipe out a heuristic',
    breaks: ['scenario 6'],
    file: 'decide-phase-two.ts',
    from: "const open = !isOver(branch) || branch.state.is === 'resolved';",
    to: 'const open = true;',
    killers: [heuristicsStay],
  },
  {
    name: 'loses the record of a heuristic when it replays',
    breaks: ['rule 13', 'scenario 6'],
    file: 'transaction.ts',
    from: 'return evolve(aborted, event);',
    to: 'return aborted;',
    killers: [replayedLikeLive, heuristicsStay],
  },
  {
    name: "logs an operator's word on a branch that the log does not know",
    breaks: ['rule 13'],
    file: 'decide-phase-two.ts',
    from: "if (state.phase === 'aborted' && !isOver(branch)) {",
    to: 'if (false) {',
    killers: [operatorsWordStays, replayedLikeLive],
  },
  {
    name: "lets an unknown receipt overrule an operator's word",
    breaks: ['rule 13'],
    file: 'decide-phase-two.ts',
    from: '      if (isOver(branch)) return nothing;\n      return { events: [heuristic(gid,',
    to: "      if (branch.state.is === 'heuristic') return nothing;\n      return { events: [heuristic(gid,",
    killers: [operatorsWordStays],
  },
];

/** Defects of the coordinator's core. */
export const mutants: readonly CoreMutant[] = [
  ...deciding,
  ...logging,
  ...telling,
  ...settling,
  ...lastMutants,
];

const sources = fileURLToPath(new URL('../../../coordinator/src/protocol/', import.meta.url));

/**
 * Loads the sources of the core with the mutant's defect, from a copy in `folder`, which must lie
 * within the repository.
 * @throws when the text to replace does not stand there exactly once: the mutant is stale.
 */
export async function loadMutant(mutant: CoreMutant, folder: string): Promise<Core> {
  cpSync(sources, folder, { recursive: true });
  const path = join(folder, mutant.file);
  writeFileSync(path, withDefect(readFileSync(path, 'utf8'), mutant));
  const names = ['answers.ts', 'record.ts', 'step.ts', 'transaction.ts'];
  const modules = names.map((name) => import(pathToFileURL(join(folder, name)).href));
  return Object.assign({}, ...(await Promise.all(modules))) as Core;
}
