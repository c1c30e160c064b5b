// The public list of @unanimous/participant-sdk/nats, kept by hand.

export { type Nats, nats, type NatsOptions } from './nats.ts';
export type { NatsPublishOptions } from './nats-message.ts';
export type {
  JetStream,
  NatsConnection,
  NatsHeaders,
  NatsModules,
  NatsStreamInfo,
} from './nats-client.ts';
