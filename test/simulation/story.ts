import type { CoordinatorFrame, PeerFrame } from '@unanimous/proto';
import { rmName, type WorldPlan } from './plan.ts';

/** What happened, a sentence an event. The same run tells the same, to the byte. */
export class Story {
  readonly sentences: string[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Leaves out what was told so far. */
  beginAnew(): void {
    this.sentences.length = 0;
  }

  tell(sentence: string): void {
    if (sentence !== '') this.sentences.push(`${this.#nowMs().toFixed(2)} ms: ${sentence}.`);
  }
}

/** What is there once everybody has come up, which nothing disturbs. */
export function startSentence({ services, natives, logged, queues, foreign }: WorldPlan): string {
  const names = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => rmName(from + index)).join(', ');
  const serving = services.map((rms, index) => {
    return `service${index + 1} serves ${rms.map(rmName).join(', ') || 'nothing'}`;
  });
  const kinds = [`${names(0, natives)}: databases`];
  if (logged > 0) kinds.push(`${names(natives, logged)}: applied after the decision`);
  if (queues > 0) kinds.push(`${names(natives + logged, queues)}: a queue in a SQLite file`);
  if (foreign) kinds.push("another log's branch is prepared in each database");
  return `All are up. ${[...serving, ...kinds].join('; ')}`;
}

/** What a process says to the coordinator. */
export function upSentence(from: string, frame: PeerFrame): string {
  const said = [
    frame.hello ? `hello from ${frame.hello.instance}` : '',
    ...frame.serves.map(({ rm, seen }) => `I serve ${rm}${seen ? `, seen ${seen.seq}` : ''}`),
    ...frame.acknowledgements.map((a) => `${a.gid} is ${lower(a.result)} in ${a.rm}`),
    ...frame.votes.map(
      (vote) => `I vote ${lower(vote.kind)} for branch ${vote.branch} of ${vote.gid}`,
    ),
    ...frame.inDoubts.map(({ gid, rm }) => `what of ${gid}, prepared in ${rm}?`),
    ...frame.enlists.map(({ gid, rm }) => `enlist ${rm} in ${gid}`),
    ...frame.begins.map(({ gid }) => (gid === '' ? 'begin' : `${gid} has begun`)),
    ...frame.aborts.map(({ gid }) => `abort ${gid}`),
    ...frame.commits.map(({ gid }) => `commit ${gid}`),
    ...frame.asks.map(({ gid }) => `what became of ${gid}?`),
    ...frame.reserves.map(() => 'give me gids'),
    ...frame.wholes.map(({ gid, branches }) => {
      const votes = branches.map(({ rm, kind }) => `${lower(kind)} in ${rm}`);
      return `commit ${gid}, whole: ${votes.join(', ')}`;
    }),
  ];
  return speech(`${from} says`, said);
}

/** What the coordinator says to a process. */
export function downSentence(to: string, frame: CoordinatorFrame): string {
  const said = [
    frame.welcome ? `welcome to epoch ${frame.welcome.epoch}` : '',
    ...frame.served.map(({ rm }) => `${rm} is served`),
    ...frame.commits.map(({ kind, gid, rm }) => `${lower(kind)} ${gid} in ${rm}`),
    ...frame.aborts.map(({ gid, rm }) => `abort ${gid} in ${rm}`),
    ...frame.verdicts.map((v) => `${lower(v.kind)} on ${v.gid} in ${v.rm}`),
    ...frame.enlisted.map(({ branch }) => `enlisted as branch ${branch}`),
    ...frame.begun.map(({ gid }) => `begun ${gid}`),
    ...frame.prepares.map(({ gid, rm, onePhase }) => {
      return `${onePhase ? 'are you ready with' : 'prepare'} ${gid} in ${rm}`;
    }),
    ...frame.outcomes.map(({ kind, gid }) => `${lower(kind)} is ${gid}`),
    ...frame.refusals.map(({ reason }) => `refused: ${reason?.message}`),
    frame.draining ? 'I am about to stop' : '',
  ];
  return speech(`The coordinator says to ${to}`, said);
}

function speech(who: string, said: readonly string[]): string {
  const words = said.filter((word) => word !== '');
  return words.length === 0 ? '' : `${who}: ${words.join('; ')}`;
}

function lower(name: string): string {
  return name.toLowerCase().replace('outcome_', '').replaceAll('_', ' ');
}
