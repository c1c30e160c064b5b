// The public list of @unanimous/participant-sdk/postgres.
export { postgres, type PostgresOptions, type PostgresResource } from './postgres.ts';
export type { PgModule } from './transactional-pool.ts';
