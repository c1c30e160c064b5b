import { TransactionClient } from '@unanimous/participant-sdk';
import { postgres } from '@unanimous/participant-sdk/postgres';
import { rabbitmq } from '@unanimous/participant-sdk/rabbitmq';
import * as amqplib from 'amqplib';
import pg from 'pg';
import { tempDir } from '../../test/support/temp-dir.ts';
import { closedLoop, openLoop } from '../load.ts';
import type { Case, RunningScenario, Scenario, Subject } from '../scenario.ts';
import { AccountDatabases, change, rowCounts } from '../support/accounts.ts';
import { Broker } from '../support/broker.ts';
import { BuiltCoordinator } from '../support/built-coordinator.ts';
import { plainCommits } from '../support/by-hand.ts';
import { libraryOutbox, type Outbox, ownOutbox } from '../support/outboxes.ts';

/**
 * A row in Postgres and an event in RabbitMQ: without any care (a crash in between loses the event),
 * through an outbox that is polled, and together in one transaction.
 */
export const scenario: Scenario = {
  name: 'queue',
  title: 'A row in Postgres and an event in RabbitMQ',
  page: 'performance.md',
  start,
};

const inFlight = 32;
const eventsPerSecond = 50;

async function start(): Promise<RunningScenario> {
  const databases = await AccountDatabases.start(1, inFlight + 4);
  const broker = await Broker.start();
  const folder = tempDir('unanimous-bench-');
  const coordinator = await BuiltCoordinator.launch(folder.file('coordinator'));
  const tm = new TransactionClient({ address: coordinator.address, service: 'bench' });
  const [connectionString = ''] = databases.urls;
  const accounts = await tm.serve(
    postgres({ rm: 'accounts', pg, connectionString, max: inFlight }),
  );
  const events = await tm.serve(rabbitmq({ rm: 'events', amqplib, url: broker.url }));
  const [plain] = databases.pools as [pg.Pool];
  const publish = (event: string) => broker.publish(event);
  const own = await ownOutbox(plain, publish);
  const library = await libraryOutbox(plain, connectionString, publish);
  const row = () => 1 + Math.floor(Math.random() * rowCounts.cold);
  const changeRow = (client: pg.PoolClient) => client.query(change, [row()]);

  const ways: readonly Way[] = [
    {
      name: 'commit, then publish (unsafe)',
      async write(event) {
        await plainCommits([plain], changeRow);
        await broker.publish(event);
      },
    },
    { name: 'outbox, a table of one’s own', write: (event) => viaOutbox(own, event) },
    { name: 'outbox, pg-transactional-outbox', write: (event) => viaOutbox(library, event) },
    {
      name: 'transactions',
      async write(event) {
        await tm.transaction(async () => {
          await accounts.pool.query(change, [row()]);
          await events.publish({ queue: broker.queue }, event);
        });
      },
    },
  ];
  const viaOutbox = (outbox: Outbox, event: string) =>
    plainCommits([plain], async (client) => {
      await changeRow(client);
      await outbox.write(client, event);
    });
  return {
    cases: [throughput(ways, broker), latency(ways, broker)],
    async [Symbol.asyncDispose]() {
      await library[Symbol.asyncDispose]();
      await own[Symbol.asyncDispose]();
      await tm.close();
      await coordinator[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      await databases[Symbol.asyncDispose]();
      folder.remove();
    },
  };
}

/** One way to write a row and an event. */
interface Way {
  readonly name: string;
  write(event: string): Promise<void>;
}

let counter = 0;

/** Counts until the last event has arrived: an outbox that lags behind has not done its work. */
function throughput(ways: readonly Way[], broker: Broker): Case {
  const subjectOf = (way: Way): Subject => ({
    name: way.name,
    isFloor: isFloor(way),
    async measure({ durationMs }) {
      const arrivals: Promise<void>[] = [];
      const startedMs = performance.now();
      const work = async () => {
        const event = `event-${++counter}`;
        arrivals.push(broker.arrival(event));
        await way.write(event);
      };
      const { latencyUs } = await closedLoop(work, { inFlight, durationMs });
      await Promise.all(arrivals);
      const value = (arrivals.length * 1_000) / (performance.now() - startedMs);
      return { value, ...(latencyUs && { latencyUs }) };
    },
  });
  return {
    name: `${inFlight} in flight, until all have arrived`,
    unit: 'events/s',
    better: 'more',
    subjects: ways.map(subjectOf),
  };
}

/** From the call to the consumer, at a rate that all of them keep up with. */
function latency(ways: readonly Way[], broker: Broker): Case {
  const subjectOf = (way: Way): Subject => ({
    name: way.name,
    isFloor: isFloor(way),
    async measure({ durationMs }) {
      const work = async () => {
        const event = `event-${++counter}`;
        const arrival = broker.arrival(event);
        await way.write(event);
        await arrival;
      };
      const { latencyUs } = await openLoop(work, { rate: eventsPerSecond, durationMs });
      return {
        value: (latencyUs?.getValueAtPercentile(50) ?? 0) / 1_000,
        ...(latencyUs && { latencyUs }),
      };
    },
  });
  return {
    name: `event latency at ${eventsPerSecond} events/s`,
    unit: 'ms',
    better: 'less',
    subjects: ways.map(subjectOf),
  };
}

function isFloor({ name }: Way): boolean {
  return name !== 'transactions';
}
