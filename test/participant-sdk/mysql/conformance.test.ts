import { afterAll, beforeAll } from 'vitest';
import { type MariadbServer, startMariadb } from '../../servers/mariadb.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { testConformance } from '../support/run-conformance.ts';
import { conformanceSubject, conformanceTables } from './conformance-subject.ts';

for (const product of ['mariadb', 'mysql'] as const) {
  serverOrSkip(product).describe(`${product} behind a pool of mysql2 conforms`, () =>
    testProduct(product),
  );
}

function testProduct(product: 'mariadb' | 'mysql'): void {
  let server: MariadbServer;
  let subject: ReturnType<typeof conformanceSubject>;

  beforeAll(async () => {
    server = await startMariadb({ product });
    server.client('CREATE DATABASE conformance CHARACTER SET utf8mb4');
    server.client(conformanceTables, 'conformance');
    subject = conformanceSubject(server.options('conformance'));
  });
  afterAll(async () => {
    await subject?.close?.();
    await server?.stop();
  });

  const restarts = { stop: () => server.kill9(), start: () => server.restart() };
  testConformance({ ...conformanceSubject({}), server: restarts }, () => ({
    ...subject,
    server: restarts,
  }));
}
