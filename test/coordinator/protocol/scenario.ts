import { formatGid, type LogId, reason } from '@unanimous/proto';
import type { Input, Result, Vote } from '../../../coordinator/src/protocol/decide.ts';
import type { Resolution } from '../../../coordinator/src/protocol/record.ts';
import type { Message } from '../../../coordinator/src/protocol/step.ts';
import type {
  Transaction,
  TransactionEvent,
} from '../../../coordinator/src/protocol/transaction.ts';
import { production as core } from './core.ts';
import { isDecision, isRecord, ModelLog, replay } from './model-log.ts';

/**
 * Runs a scenario: commands at the start of a line, several parted by `;`, what they did indented
 * below. Answers the same text with what they do now.
 *
 *     enlist RM [logged|last] [one-phase]    the n-th branch lives on session n
 *     commit · abort · deadline · lose SESSION · lose client
 *     vote BRANCH yes|ready|read-only|no [from SESSION]
 *     result BRANCH committed|rolled-back|unknown|pending
 *     resolve BRANCH committed|rolled-back|abandoned
 *     log-answers                        the oldest forced append is durable
 *     crash [landed]                     and restart; what was on its way to the log is lost, or not
 *     serve RM                           somebody says hello: what does it hear?
 *     verdict BRANCH                     a scan found this branch prepared
 *     ask                                what is the outcome?
 */
export function playScenario(text: string): string {
  const player = new Player();
  const lines = text.split('\n').flatMap((line) => {
    if (line.startsWith('  ')) return [];
    if (line === '' || line.startsWith('#')) return [line];
    const commands = line.split(';').map((command) => command.trim());
    return [line, ...commands.flatMap((command) => player.play(command))];
  });
  return lines.join('\n');
}

const begun = core.begunTransaction(formatGid('4f1c9a7be203' as LogId, { epoch: 1, counter: 1 }));

class Player {
  #tx: Transaction | undefined = begun;
  readonly #log = new ModelLog(core);

  /** Answers what the command did, a line each. */
  play(command: string): string[] {
    return this.#run(command.split(' ')).map((line) => `  ${line}`);
  }

  #run([name = '', first = '', second = '', ...more]: readonly string[]): string[] {
    const branch = Number(first);
    const why = reason('rm-unavailable', second);
    switch (name) {
      case 'enlist':
        return this.#input(this.#enlist(first, [second, ...more]));
      case 'commit':
        return this.#input({ kind: 'commit' });
      case 'abort':
        return this.#input({ kind: 'abort', reason: reason('client-aborted', 'as it said') });
      case 'deadline':
        return this.#input({ kind: 'deadline' });
      case 'lose': {
        const owned = first === 'client';
        return this.#input({ kind: 'session-lost', session: owned ? 0 : branch, owned });
      }
      case 'vote': {
        const session = Number(more[1] ?? branch);
        const vote = voteOf(second as Vote['is'], branch);
        return this.#input({ kind: 'vote', branch, session, incarnation: 'one', vote });
      }
      case 'result':
        return this.#input({
          ...{ kind: 'result', branch },
          result: { is: second as Result['is'], reason: why },
        });
      case 'resolve': {
        const audit = { reason: 'saw it', operator: 'ann', at: '2026-01-01T00:00:00Z' };
        const resolution = second as Resolution;
        return this.#input({ kind: 'resolve', branch, resolution, ...audit });
      }
      case 'log-answers': {
        const batch = this.#log.answer();
        if (batch.records.some(isDecision)) return this.#input({ kind: 'recorded', at: batch.at });
        return ['durable'];
      }
      case 'crash':
        return this.#crash(first === 'landed');
      case 'serve':
        return sent(this.#tx ? core.outstanding(this.#tx, first) : [], 'nothing is owed');
      case 'verdict':
        return [this.#tx ? core.verdictOn(this.#tx, branch) : 'abort'];
      case 'ask':
        return [this.#outcome()];
      default:
        throw new Error(`no such command: ${name}`);
    }
  }

  #enlist(rm: string, flags: readonly string[]): Input {
    const number = (this.#tx?.branches.length ?? 0) + 1;
    const life = { session: number, work: new Uint8Array(), state: { is: 'working' } as const };
    const vote = { receipt: '', redo: new Uint8Array(), incarnation: '' };
    const kind = (['logged', 'last'] as const).find((flag) => flags.includes(flag)) ?? 'native';
    const canOnePhase = flags.includes('one-phase') || kind === 'last';
    return { kind: 'enlist', branch: { rm, kind, canOnePhase, ...life, ...vote }, maxBranches: 4 };
  }

  #input(input: Input): string[] {
    if (this.#tx === undefined) return ['no such transaction'];
    const step = core.step(this.#tx, input);
    if ('refused' in step) return [`refused: ${step.refused.code}`];
    const { state, events, messages } = step;
    this.#tx = state;
    if (events.length === 0) return ['ignored'];
    const records = events.filter((event) => isRecord(core, event));
    const batch = records.length > 0 ? this.#log.append(records, 1) : undefined;
    const logged = batch ? [`log ${batch.forced ? 'forces' : 'takes'} ${kinds(records)}`] : [];
    return [`${events.map(eventText).join(', ')} → ${state.phase}`, ...logged, ...sent(messages)];
  }

  #crash(isLanded: boolean): string[] {
    const { batches, durable } = this.#log;
    this.#log.crash(isLanded ? batches.length - durable : 0);
    this.#tx = replay(core, this.#log.batches);
    const held = kinds(this.#log.durableRecords);
    return [`log holds ${held || 'nothing'} → ${this.#tx ? stateText(this.#tx) : 'unknown'}`];
  }

  #outcome(): string {
    if (this.#tx === undefined) return 'aborted, by presumption';
    const { is, applied } = core.outcomeOf(this.#tx);
    const told = `${is}${applied ? ', applied' : ''}`;
    return core.hasHeuristic(this.#tx) ? `${told}, with a heuristic` : told;
  }
}

function voteOf(is: Vote['is'], branch: number): Vote {
  if (is === 'read-only') return { is };
  if (is === 'no') return { is, reason: reason('constraint-violated', 'no') };
  return { is, receipt: `receipt ${branch}`, redo: new Uint8Array() };
}

function kinds(records: readonly TransactionEvent[]): string {
  return records.map((record) => record.kind).join(', ');
}

function sent(messages: readonly Message[], otherwise?: string): string[] {
  const texts = messages.map(({ kind, branch }) => `${kind} ${branch.branch} ${branch.rm}`);
  if (texts.length > 0) return [`send ${texts.join(', ')}`];
  return otherwise === undefined ? [] : [otherwise];
}

function stateText({ phase, branches }: Transaction): string {
  return `${phase}: ${branches.map((b) => `${b.branch} ${b.state.is}`).join(', ')}`;
}

function eventText(event: TransactionEvent): string {
  switch (event.kind) {
    case 'enlisted':
      return `enlisted ${event.branch.branch} ${event.branch.rm}`;
    case 'prepare-asked':
      return event.onePhase ? 'prepare-asked in one phase' : 'prepare-asked';
    case 'came-whole':
      return `came-whole ${event.branches.map((b) => `${b.branch} ${b.state.is}`).join(' ')}`;
    case 'voted':
      return `voted ${event.branch} ${event.state.is}`;
    case 'aborted':
      return `aborted by ${event.reason.code}`;
    case 'commit-decided':
      return `commit-decided ${event.branches.map((b) => b.branch).join(' ')}`;
    case 'last-asked':
      return `last-asked ${event.branch.branch} before ${event.others.map((b) => b.branch).join(' ')}`;
    case 'settled':
      return `settled ${event.outcome}`;
    case 'followed':
      return `followed ${event.branch} ${event.as}`;
    case 'reported':
      return `reported ${event.branch}`;
    case 'heuristic':
      return `heuristic ${event.branch.branch} ${event.result}`;
    case 'resolved':
      return `resolved ${event.branch} ${event.resolution}`;
    case 'acknowledged':
      return `acknowledged by ${event.by.join(' ')}`;
    case 'nothing-to-commit':
    case 'recorded':
    case 'delegated':
    case 'ended':
      return event.kind;
  }
}
