import type { Transaction } from '../../coordinator/src/protocol/transaction.ts';
import { Acts, decodeAct, resolutions } from './acts.ts';
import { rmName } from './coordinator-cell.ts';
import { strangerIn } from './invariants.ts';
import { entry, heldHalf, late, told } from './layout.ts';
import { ends } from './manager-acts.ts';
import type { Down, Up } from './messages.ts';
import type { Variant } from './variant.ts';
import type { RuleName } from './without.ts';
import { World } from './world.ts';

/** Plays the acts again and tells them, a sentence each. */
export function tellStory(
  variant: Variant,
  without: RuleName | undefined,
  path: readonly number[],
  drained: readonly number[] = [],
): string[] {
  const world = new World(variant, without);
  const acts = new Acts(world);
  const story: string[] = [];
  let end = 0;
  for (const [index, code] of [...path, ...drained].entries()) {
    if (index === path.length) story.push('Nothing fails from here on.');
    const what = sentence(world, code);
    const before = facts(world);
    acts.perform(code);
    const news = facts(world).filter((fact) => !before.includes(fact));
    const number = `${index + 1}. `;
    story.push(`${number}${[what, ...news].join('; ')}.`);
    if (index < path.length || news.length > 0) end = story.length;
  }
  // What changes nothing any more needs no telling.
  return story.slice(0, end);
}

/** What somebody who sees everything would say of a state. */
function facts(world: World): string[] {
  const all: string[] = [];
  const isOne = world.layout.txs.length === 1;
  for (const [index, words] of world.layout.txs.entries()) {
    const name = isOne ? 'the transaction' : `transaction ${index + 1}`;
    const state = world.coordinator.tx(world.at(words.tx));
    world.turnToTx(index);
    if (world.isUp()) all.push(phaseOf(name, state));
    const answers = world.at(words.told);
    if (answers & told.committed) all.push(`who asks for ${name} hears committed`);
    if (answers & told.aborted) all.push(`who asks for ${name} hears aborted`);
    if (answers & told.expired) all.push(`who asks for ${name} hears expired`);
  }
  const stranger = strangerIn(world);
  if (stranger !== undefined) all.push(stranger.replace(/^rule 19: /, ''));
  for (const slot of world.layout.slots) {
    const owner = isOne ? '' : ` transaction ${slot.tx + 1} in`;
    const bits = world.at(slot.held);
    const state = heldWords[bits & 7] as string;
    if (state === '') continue;
    const half = bits & heldHalf ? ', with half of its work' : '';
    all.push(`${owner}${owner ? ' ' : ''}${rmName(slot.rm)} ${state}${half}`.trim());
    const audit = world.variant.audits ? world.at(slot.audit) & 3 : entry.none;
    const said = audit === entry.committed ? 'committed' : 'rolled back';
    if (audit !== entry.none) all.push(`${rmName(slot.rm)} has an entry: ${said}`);
  }
  return all;
}

const heldWords = [
  '',
  'holds open work',
  'is prepared',
  'has committed',
  'has rolled back',
  'wrote nothing and is out',
];

function phaseOf(name: string, state: Transaction | undefined): string {
  return state === undefined
    ? `${name} is not known to the coordinator`
    : `${name} is ${state.phase}`;
}

function sentence(world: World, code: number): string {
  const { name, a, b } = decodeAct(code);
  const at = (site: number) =>
    `process ${site + 1} of ${rmName(world.variant.sites[site]?.rm ?? 0)}`;
  const rm = rmName(world.layout.slots[a]?.rm ?? 0);
  const ofSite = (site: number) =>
    coordinatorName(world, world.variant.sites[site]?.coordinator ?? 0);
  switch (name) {
    case 'restart':
      return `${coordinatorName(world, b)} restarts and reads its log`;
    case 'log-answers':
      return 'The log answers that the record is durable';
    case 'deliver-down':
      return `${upper(at(a))} receives ${heardBy(world, a)}`;
    case 'deliver-up':
      return `${ofSite(a)} receives ${saidBy(world, a)} from ${at(a)}`;
    case 'operation':
      return operationSentence(world, a, b);
    case 'late':
      return lateSentence(world, a, b === 1);
    case 'connect':
      return `${upper(at(a))} opens a new session`;
    case 'scan': {
      const asks = world.variant.slowScans ? '' : ' and asks about them';
      return `${upper(at(a))} looks for prepared branches${asks}`;
    }
    case 'scan-asks':
      return `${upper(at(a))} asks about the prepared branches that it has found`;
    case 'coordinator-loses':
      return `${ofSite(a)} sees that the session of ${at(a)} is lost`;
    case 'participant-loses':
      return `${upper(at(a))} sees that its session is lost`;
    case 'call':
      return `The client calls the service of ${rm}, which enlists`;
    case 'handler-ends':
      return `The service of ${rm} writes the rest and answers its caller`;
    case 'commit-arrives':
      return "The client's commit arrives at the coordinator";
    case 'deadline':
      return "The coordinator's deadline passes";
    case 'participant-deadline':
      return `The deadline passes in ${at(a >> 2)}`;
    case 'retry':
      return `${upper(at(a >> 2))} tries again`;
    case 'apply-unasked':
      return `${upper(at(a >> 2))} applies its effect before it is asked`;
    case 'forget':
      return 'The retention of the outcome is over';
    case 'crash':
      return `${coordinatorName(world, b)} crashes; ${lostOf(world, a, b)}`;
    case 'death':
      return `${upper(at(a))} dies`;
    case 'repeat':
      return `The coordinator says again what ${at(a)} owes`;
    case 'time-out':
      return `The client gives up its call of ${rm} and goes on`;
    case 'by-hand':
      if (b === 2) return `${rm} forgets what became of the branch`;
      if (b > 2)
        return `Somebody writes into ${rm} that they will ${b === 4 ? 'commit' : 'roll back'} it`;
      return `Somebody ${b === 1 ? 'commits' : 'rolls back'} the branch in ${rm} by hand`;
    case 'resolve':
      return `An operator resolves the branch in ${rm} as ${resolutions[b]}`;
    case 'prepare-unasked':
      return 'The client has its branches prepare';
    case 'commit-at-home':
      return 'The client has its only branch commit, and tells nobody';
    case 'hand-over':
      return 'The client tells the coordinator of the transaction, whole';
    case 'let-go':
      return 'The client gives up and lets its branches go';
    case 'refuse-whole':
      return `${ofSite(a)} refuses what ${at(a)} tells`;
    case 'restore-log':
      return "Somebody puts back an old backup of the coordinator's log";
    case 'restore-rm':
      return `${rm} is brought back to an earlier time`;
  }
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** With several each has the number of its process. */
function coordinatorName({ layout, variant }: World, index: number): string {
  if (layout.desks.length === 1) return 'The coordinator';
  return `${variant.embedded ? 'Embedded coordinator' : 'Coordinator'} ${index + 1}`;
}

function lostOf(world: World, landed: number, index: number): string {
  const tail = world.coordinator.log.tail(world.at(world.layout.desks[index]?.log ?? 0));
  if (tail === 0) return 'its log is whole';
  return landed === 0
    ? 'what was on the way to the log is lost'
    : `${landed} of ${tail} appends landed`;
}

function heardBy(world: World, site: number): string {
  const queue = world.at(world.site(site).down);
  const message: Down = world.down.message(world.down.first(queue));
  switch (message.kind) {
    case 'served':
      return 'the welcome';
    case 'enlisted':
      return 'that it is enlisted';
    case 'refused':
      return 'that its enlist is refused';
    case 'whole-refused':
      return 'that it is refused';
    case 'prepare':
      return message.onePhase ? 'the question for its receipt' : 'prepare';
    case 'order':
      return message.name.toLowerCase().replaceAll('_', ' ');
    case 'verdict':
      return `the verdict ${message.verdict}`;
  }
}

function saidBy(world: World, site: number): string {
  const queue = world.at(world.site(site).up);
  const message: Up = world.up.message(world.up.first(queue));
  switch (message.kind) {
    case 'enlist':
      return 'the enlist';
    case 'whole':
      return 'the whole transaction';
    case 'abort-untold':
      return 'the abort';
    case 'vote':
      return `the vote ${message.vote.is}`;
    case 'result':
      return `the answer ${message.result.is}`;
    case 'in-doubt':
      return 'the question about a prepared branch';
  }
}

function operationSentence(world: World, pair: number, how: number): string {
  const operation = world.operation(pair >> 2, pair & 3);
  const rm = rmName(world.slot(pair & 3).rm);
  const what = operation.run === 'finish' ? operation.order.kind : operation.run;
  if (how === ends.unanswered) return `${upper(what)} in ${rm} brings no answer`;
  return how === ends.refused ? `${rm} refuses ${what}` : `${rm} executes ${what}`;
}

function lateSentence(world: World, index: number, lands: boolean): string {
  const slot = world.slot(index);
  const statement = world.at(slot.late);
  const name = statement === late.prepare ? 'PREPARE' : 'COMMIT';
  if (statement === late.drop) return `${rmName(slot.rm)} notices that its client is dead`;
  return `The ${name} of the dead process ${lands ? 'lands' : 'is lost'} in ${rmName(slot.rm)}`;
}
