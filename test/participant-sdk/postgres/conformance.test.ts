import { afterAll, beforeAll } from 'vitest';
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts';
import { serverOrSkip } from '../../servers/require-server.ts';
import { testConformance } from '../support/run-conformance.ts';
import { sql } from './branches.ts';
import { conformanceSubject, conformanceTable } from './conformance-subject.ts';

serverOrSkip('postgres').describe('Postgres behind a pg.Pool conforms', () => {
  let server: PostgresServer;
  let subject: ReturnType<typeof conformanceSubject>;

  beforeAll(async () => {
    server = await startPostgres();
    const url = await server.createDatabase('conformance');
    await sql(url, conformanceTable);
    subject = conformanceSubject(url);
  });
  afterAll(async () => {
    await subject?.close?.();
    await server?.stop();
  });

  const restarts = { stop: () => server.kill9(), start: () => server.restart() };
  testConformance({ ...conformanceSubject(''), server: restarts }, () => ({
    ...subject,
    server: restarts,
  }));
});
