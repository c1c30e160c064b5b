import type { ProcessName, Victim } from './deployment.ts';

/** Who is killed, at which moment of an order's transaction, and what must become of the order. */
export interface Kill {
  readonly victims: readonly Victim[];
  /** The process that meets the moment. It is killed there, or waits there until others are. */
  readonly process: ProcessName;
  /** The failpoint's name, and what it must be about, where it is passed more than once. */
  readonly point: string;
  readonly about?: string;
  /** The moment in words. */
  readonly when: string;
  readonly fate: 'committed' | 'aborted';
  /** One of the few that run with all tests. */
  readonly isQuick?: true;
}

type Moment = Pick<Kill, 'process' | 'point' | 'about' | 'when'>;
type Fate = Kill['fate'];

/** The five that the order service writes to itself, each with its resource manager. */
const managers = {
  postgres: 'orders-db',
  mariadb: 'invoices-db',
  kafka: 'order-events',
  redis: 'order-cache',
  opensearch: 'order-index',
} as const;
const servers = Object.keys(managers) as (keyof typeof managers)[];
const everything: readonly Victim[] = [...servers, 'coordinator', 'orders', 'stock'];

const begun = at('orders', 'k.commit.before-send', 'all is written, and no commit asked for');
const answered = at('orders', 'k.commit.answered', 'the order service has its answer');
const preparing = at('coordinator', 'c.prepare.sent', 'the first are asked to vote');
const voted = at('coordinator', 'c.votes.all-in', 'all six have voted yes, and nothing is decided');
const unforced = at('coordinator', 'log.append.before-commit', 'the decision is not on disk yet');
const forced = at(
  'coordinator',
  'log.append.before-reply',
  'the decision is on disk, and nobody knows',
);
const decided = at('coordinator', 'c.decided.before-tell', 'it is decided, and nobody is told');
const toldFirst = at('coordinator', 'c.commit.sent', 'the first are told to commit');
const toldLogged = at('coordinator', 'c.commit.sent', 'the databases have committed', 'APPLY');
const ended = at('coordinator', 'c.ended.before-append', 'all six are done');

function at(process: ProcessName, point: string, when: string, about?: string): Moment {
  return { process, point, when, ...(about !== undefined && { about }) };
}

/** Moments of one resource manager, in the process that serves it. */
function momentsOf(rm: string, process: ProcessName) {
  return {
    asked: at(process, 'p.prepare.before', `${rm} is asked to vote`, rm),
    prepared: at(process, 'p.prepare.before-vote', `${rm} has prepared, and not voted`, rm),
    applying: at(process, 'p.finish.before', `${rm} is told to commit`, rm),
    applied: at(process, 'p.finish.before-ack', `${rm} is done, and has not said so`, rm),
  };
}

/** Of the services, what runs with all tests. */
const quick = new Set(['p.prepare.before-vote stock-queue']);

/** Every kill: each victim at each moment at which its death could matter. */
export const kills: readonly Kill[] = [
  ...ofCoordinator(),
  ...ofProcess('orders', Object.values(managers)),
  ...ofProcess('stock', ['stock-queue']),
  ...servers.flatMap(ofServer),
  { ...voted, victims: everything, fate: 'aborted' },
  { ...decided, victims: everything, fate: 'committed' },
];

function ofCoordinator(): Kill[] {
  const victims = ['coordinator'] as const;
  const acknowledged = [...Object.values(managers), 'stock-queue'].map((rm) =>
    at('coordinator', 'c.ack.received', `${rm} has said that it is done`, rm),
  );
  return [
    { ...preparing, victims, fate: 'aborted' },
    { ...voted, victims, fate: 'aborted' },
    { ...unforced, victims, fate: 'aborted' },
    { ...forced, victims, fate: 'committed', isQuick: true },
    ...[decided, toldFirst, toldLogged, ...acknowledged, ended].map(
      (moment): Kill => ({ ...moment, victims, fate: 'committed' }),
    ),
  ];
}

/** A service: the one that begins the transaction, and the one that joins it. */
function ofProcess(name: 'orders' | 'stock', rms: readonly string[]): Kill[] {
  const kill = (fate: Fate) => (moment: Moment) => {
    const isQuick = quick.has(`${moment.point} ${moment.about}`);
    return { ...moment, victims: [name], fate, ...(isQuick && { isQuick }) };
  };
  const own = rms.map((rm) => momentsOf(rm, name));
  const aborted = own.flatMap(({ asked, prepared }) => [asked, prepared]);
  const committed = own.flatMap(({ applying, applied }) => [applying, applied]);
  return [
    ...(name === 'orders' ? [begun] : []).map(kill('aborted')),
    ...aborted.map(kill('aborted')),
    ...[voted, decided, toldLogged, ...committed].map(kill('committed')),
    ...(name === 'orders' ? [answered] : []).map(kill('committed')),
  ];
}

/** A server: one that is away when asked can't vote yes; one that has voted is waited for. */
function ofServer(name: keyof typeof managers): Kill[] {
  const kill = (fate: Fate) => (moment: Moment) => ({ ...moment, victims: [name], fate });
  const { asked, prepared, applying, applied } = momentsOf(managers[name], 'orders');
  return [
    ...[begun, asked].map(kill('aborted')),
    ...[prepared, voted, decided, applying, applied].map(kill('committed')),
  ];
}

const names: Readonly<Record<Victim, string>> = {
  coordinator: 'the coordinator',
  orders: 'the order service',
  stock: 'the stock service',
  postgres: 'Postgres',
  mariadb: 'MariaDB',
  kafka: 'Kafka',
  redis: 'Redis',
  opensearch: 'OpenSearch',
};

/** A kill in words. */
export function titleOf({ victims, when }: Kill): string {
  const who = victims === everything ? 'everything' : victims.map((one) => names[one]).join(', ');
  return `${who}, when ${when}`;
}
