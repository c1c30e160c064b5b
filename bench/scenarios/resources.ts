import { TransactionClient } from '@unanimous/participant-sdk';
import { postgres } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import { hasKafka } from '../../examples/support/kafka-server.ts';
import { hasMariadb } from '../../test/servers/mariadb.ts';
import { hasNats } from '../../test/servers/nats.ts';
import { hasSearchServer } from '../../examples/support/search-server.ts';
import { hasRabbitmq } from '../../test/servers/rabbitmq.ts';
import { hasRedis } from '../../examples/support/redis-server.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { closedLoop, openLoop } from '../load.ts';
import { figure } from '../report.ts';
import type { Case, RunningScenario, Scenario } from '../scenario.ts';
import type { CaseSummary, SubjectSummary } from '../summary.ts';
import { AccountDatabases } from '../support/accounts.ts';
import { BuiltCoordinator } from '../support/built-coordinator.ts';
import { openKafka, openNats, openRabbitmq } from '../support/resources/brokers.ts';
import {
  openMariadb,
  openPostgres,
  openSqliteQueue,
  openTableQueue,
} from '../support/resources/databases.ts';
import type { Bench, MeasuredResource } from '../support/resources/measured-resource.ts';
import { openBullmq, openCache, openStreams } from '../support/resources/redis.ts';
import { openLastResource, openReservation, openSearch } from '../support/resources/services.ts';

/** Each resource with a row of Postgres: in a transaction, and one after the other by hand. */
export const scenario: Scenario = {
  name: 'resources',
  title: 'A row in Postgres, and each of the other resources',
  page: 'performance.md',
  table,
  start,
};

const inFlight = 32;
const eventsPerSecond = 50;
const rounds = 3;
const unitOfReading = 'ms';

interface Offered {
  readonly server?: string;
  readonly isPresent?: () => boolean;
  readonly open: (bench: Bench) => Promise<MeasuredResource>;
}

const offered: readonly Offered[] = [
  { open: openPostgres },
  { open: openTableQueue },
  { server: 'MariaDB', isPresent: hasMariadb, open: openMariadb },
  { open: openSqliteQueue },
  { server: 'RabbitMQ', isPresent: hasRabbitmq, open: openRabbitmq },
  { server: 'Kafka', isPresent: hasKafka, open: openKafka },
  { server: 'NATS', isPresent: hasNats, open: openNats },
  { server: 'Redis', isPresent: hasRedis, open: openCache },
  { server: 'Redis', isPresent: hasRedis, open: openStreams },
  { server: 'Redis', isPresent: hasRedis, open: openBullmq },
  { server: 'OpenSearch', isPresent: () => hasSearchServer('opensearch'), open: openSearch },
  { open: openReservation },
  { open: openLastResource },
];

async function start(): Promise<RunningScenario> {
  const isHere = ({ isPresent }: Offered) => isPresent?.() ?? true;
  const absent = new Set(offered.filter((one) => !isHere(one)).map(({ server }) => server));
  for (const server of absent) console.log(`server absent, left out: ${server}`);
  const databases = await AccountDatabases.start(1, inFlight + 4);
  const folder = tempDir('unanimous-bench-');
  const coordinator = await BuiltCoordinator.launch(folder.file('coordinator'));
  const tm = new TransactionClient({ address: coordinator.address, service: 'bench' });
  const [connectionString = ''] = databases.urls;
  const { pool: accounts } = await tm.serve(
    postgres({ rm: 'accounts', pg, connectionString, max: inFlight + 4 }),
  );
  const [plain] = databases.pools as [pg.Pool];
  const bench: Bench = { tm, accounts, plain, folder, inFlight };
  const resources: MeasuredResource[] = [];
  // One after the other: to start a server blocks this thread, in which others wait for answers.
  for (const { open } of offered.filter(isHere)) resources.push(await open(bench));
  return {
    cases: resources.flatMap((one) => [throughput(one), ...(one.arrival ? [reading(one)] : [])]),
    async [Symbol.asyncDispose]() {
      await tm.close();
      for (const one of resources) await one[Symbol.asyncDispose]();
      await coordinator[Symbol.asyncDispose]();
      await databases[Symbol.asyncDispose]();
      folder.remove();
    },
  };
}

let counter = 0;

/** Ends when all is confirmed: by hand by the server, and in transactions by all that took part. */
function throughput(resource: MeasuredResource): Case {
  const measured = (write: (event: string) => Promise<unknown>) => ({
    measure: ({ durationMs }: { readonly durationMs: number }) =>
      closedLoop(() => write(`event-${++counter}`), { inFlight, durationMs }),
  });
  return {
    name: resource.name,
    unit: 'transactions/s',
    better: 'more',
    rounds,
    subjects: [
      { name: 'by hand', isFloor: true, ...measured((event) => resource.byHand(event)) },
      { name: 'in transactions', ...measured((event) => resource.inTransaction(event)) },
    ],
  };
}

/** From the call until a consumer or a reader has it, at a rate that all of them keep up with. */
function reading({ name, arrival, isReadByHand, ...resource }: MeasuredResource): Case {
  const measured = (write: (event: string) => Promise<unknown>) => ({
    async measure({ durationMs }: { readonly durationMs: number }) {
      const writes: Promise<unknown>[] = [];
      const work = async () => {
        const event = `timed-${++counter}`;
        const arrived = arrival?.(event);
        const written = write(event);
        writes.push(written);
        // A reader may have it before the caller is told; what fails is never read.
        await Promise.race([arrived, written.then(() => arrived)]);
      };
      const { latencyUs } = await openLoop(work, { rate: eventsPerSecond, durationMs });
      await Promise.all(writes);
      const value = (latencyUs?.getValueAtPercentile(50) ?? 0) / 1_000;
      return { value, ...(latencyUs && { latencyUs }) };
    },
  });
  const byHand = { name: 'by hand', isFloor: true };
  return {
    name,
    unit: unitOfReading,
    better: 'less',
    rounds,
    subjects: [
      ...(isReadByHand === false
        ? []
        : [{ ...byHand, ...measured((event) => resource.byHand(event)) }]),
      { name: 'in transactions', ...measured((event) => resource.inTransaction(event)) },
    ],
  };
}

/** A line for each resource. */
function table(cases: readonly CaseSummary[]): string {
  const heads = [
    'Beside the row',
    'By hand',
    'In a transaction',
    'Share',
    'Until it is read, by hand',
    'In a transaction',
  ];
  const rows = cases
    .filter(({ unit }) => unit !== unitOfReading)
    .map((written) => {
      const read = cases.find(({ name, unit }) => name === written.name && unit === unitOfReading);
      const [floor, ours] = subjectsOf(written);
      const [floorRead, oursRead] = subjectsOf(read);
      const share = ours?.shares[0];
      return [
        written.name,
        rateText(floor),
        rateText(ours),
        share
          ? `${share.median.toFixed(2)} (${share.low.toFixed(2)} to ${share.high.toFixed(2)})`
          : '',
        latencyText(floorRead),
        latencyText(oursRead),
      ];
    });
  return [heads, heads.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function subjectsOf(one: CaseSummary | undefined) {
  const find = (isFloor: boolean) => one?.subjects.find((subject) => subject.isFloor === isFloor);
  return [find(true), find(false)] as const;
}

function rateText(subject: SubjectSummary | undefined): string {
  if (!subject) return '';
  const { median, low, high } = subject.value;
  return `${figure(median)}/s (${figure(low)} to ${figure(high)})`;
}

function latencyText(subject: SubjectSummary | undefined): string {
  if (!subject?.latencyUs) return '';
  const { p50, p99 } = subject.latencyUs;
  return `${figure(p50 / 1_000)} ms, p99 ${figure(p99 / 1_000)} ms`;
}
