import { agreement, termination } from './atomic-commitment.ts';
import { othersWait } from './message-rules.ts';
import type { CoreMutant } from './mutants.ts';
import {
  endedWhenAcknowledged,
  persistBeforeSend,
  presumedAbort,
  replayedLikeLive,
} from './record-rules.ts';

/** Defects in how a resource is asked last. */
export const lastMutants: readonly CoreMutant[] = [
  {
    name: 'commits the others beside the question to the last one',
    breaks: ['rule 6'],
    file: 'step.ts',
    from: "? after.branches.filter(isPermitted).map(message('one-phase'))",
    to: "? after.branches.map((b) => message(isPermitted(b) ? 'one-phase' : 'commit')(b))",
    killers: [agreement, persistBeforeSend],
  },
  {
    name: 'does not force the question to the last one',
    breaks: ['rule 6'],
    file: 'record.ts',
    from: "'last-asked': 'forced'",
    to: "'last-asked': 'lazy'",
    killers: [presumedAbort],
  },
  {
    name: "forgets the others' data when it asks the last one",
    breaks: ['rule 6', 'rule 10'],
    file: 'transaction.ts',
    from: "const others = event.others.map(fromLog('yes'));",
    to: 'const others: Branch[] = [];',
    killers: [replayedLikeLive, termination],
  },
  {
    name: "takes the last one's yes for the end",
    breaks: ['rule 6', 'rule 10'],
    file: 'decide-phase-two.ts',
    from: "if (others.length > 0) return { events: [{ kind: 'commit-decided', gid, branches: others }] };",
    to: '',
    killers: [endedWhenAcknowledged, termination],
  },
  {
    name: 'takes an answer of the others for that of the last one',
    breaks: ['rule 6'],
    file: 'decide-phase-two.ts',
    from: 'return isPermitted(branch) ? decideDelegatedResult(state, branch, result) : nothing;',
    to: 'return decideDelegatedResult(state, branch, result);',
    killers: [othersWait],
  },
  {
    name: "tells the others of an operator's no before the log has it",
    breaks: ['rule 13'],
    file: 'step.ts',
    from: "if (after.phase !== 'aborted' || isWord) return [];",
    to: "if (after.phase !== 'aborted') return [];",
    killers: [persistBeforeSend],
  },
  {
    name: 'lets an operator speak for those that wait for the last one',
    breaks: ['rule 13'],
    file: 'decide-phase-two.ts',
    from: 'branch !== undefined && needsWord(branch) && !isWaiting;',
    to: 'branch !== undefined && needsWord(branch);',
    killers: [othersWait],
  },
];
