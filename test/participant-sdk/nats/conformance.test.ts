import { afterAll, beforeAll } from 'vitest';
import { TcpRelay } from '../../integration/support/tcp-relay.ts';
import { type NatsServer, startNats } from '../../servers/nats.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { testConformance } from '../support/run-conformance.ts';
import { conformanceSubject } from './conformance-subject.ts';

serverOrSkip('nats').describe('NATS JetStream conforms', () => {
  let server: NatsServer;
  let relay: TcpRelay;
  let subject: ReturnType<typeof conformanceSubject>;
  beforeAll(async () => {
    server = await startNats();
    relay = await TcpRelay.start(server.address);
    subject = conformanceSubject({ address: relay.address, readerAddress: server.address });
  }, 30_000);
  afterAll(async () => {
    await subject?.close?.();
    await relay?.[Symbol.asyncDispose]();
    await server?.stop();
  });
  const more = {
    server: { stop: () => server.kill9(), start: () => server.restart() },
    hang: async () => {
      relay.holdAnswers();
      return async () => relay.releaseAnswers();
    },
  };
  const shape = conformanceSubject({ address: '', readerAddress: '' });
  testConformance({ ...shape, ...more }, () => ({ ...subject, ...more }));
});
