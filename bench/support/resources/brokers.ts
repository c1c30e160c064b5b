import { kafka } from '@unanimous/participant-sdk/kafka';
import { nats } from '@unanimous/participant-sdk/nats';
import { rabbitmq } from '@unanimous/participant-sdk/rabbitmq';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import * as amqplib from 'amqplib';
import { Kafka, logLevel } from 'kafkajs';
import { startKafka } from '../../../examples/support/kafka-server.ts';
import { startNats } from '../../../test/servers/nats.ts';
import { Arrivals } from '../arrivals.ts';
import { Broker } from '../broker.ts';
import { type Bench, besideRow, type MeasuredResource } from './measured-resource.ts';

/** A persistent message in a durable queue, with publisher confirms. */
export async function openRabbitmq(bench: Bench): Promise<MeasuredResource> {
  const broker = await Broker.start();
  const events = await bench.tm.serve(rabbitmq({ rm: 'rabbitmq', amqplib, url: broker.url }));
  return besideRow(bench, {
    name: 'RabbitMQ',
    write: (event) => broker.publish(event),
    stage: (event) => events.publish({ queue: broker.queue }, event),
    arrival: (event) => broker.arrival(event),
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  });
}

/** A message in a topic of one partition, confirmed by all replicas, of which there is one. */
export async function openKafka(bench: Bench): Promise<MeasuredResource> {
  const server = await startKafka();
  const client = new Kafka({ brokers: [`127.0.0.1:${server.port}`], logLevel: logLevel.NOTHING });
  const [admin, topic] = [client.admin(), 'events'];
  const producer = client.producer({ maxInFlightRequests: 1 });
  const consumer = client.consumer({ groupId: 'bench' });
  await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
  await admin.createTopics({ topics: [{ topic }], waitForLeaders: true });
  const arrivals = new Arrivals();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => arrivals.has(JSON.parse(String(message.value))),
  });
  const events = await bench.tm.serve(kafka({ rm: 'kafka', producer, admin }));
  return besideRow(bench, {
    name: 'Kafka',
    write: (event) => producer.send({ topic, messages: [{ value: JSON.stringify(event) }] }),
    stage: (event) => events.publish(topic, event),
    arrival: (event) => arrivals.of(event),
    async [Symbol.asyncDispose]() {
      await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()]);
      await server.stop();
    },
  });
}

/** A message in a stream that is kept in a file. */
export async function openNats(bench: Bench): Promise<MeasuredResource> {
  const server = await startNats();
  const connection = await connect({ servers: server.address });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'events', subjects: ['events.placed'] });
  const durable_name = 'bench';
  await manager.consumers.add('events', { durable_name, ack_policy: 'none' });
  const arrivals = new Arrivals();
  const stream = jetstream(connection);
  const messages = await (await stream.consumers.get('events', durable_name)).consume();
  const reading = (async () => {
    for await (const message of messages) arrivals.has(message.json<string>());
  })();
  const events = await bench.tm.serve(
    nats({ rm: 'nats', connection, nats: { jetstream, headers } }),
  );
  return besideRow(bench, {
    name: 'NATS JetStream',
    write: (event) => stream.publish('events.placed', JSON.stringify(event)),
    stage: (event) => events.publish('events.placed', event),
    arrival: (event) => arrivals.of(event),
    async [Symbol.asyncDispose]() {
      await messages.close();
      await reading;
      await connection.close();
      await server.stop();
    },
  });
}
