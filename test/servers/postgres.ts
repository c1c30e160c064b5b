export { startPostgres, type PostgresServer } from '../../examples/support/postgres-server.ts';
