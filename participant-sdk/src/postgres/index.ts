// The public list of @unanimous/participant-sdk/postgres.
export { postgres, type PostgresOptions, type PostgresResource } from './postgres.ts';
export { postgresJs, type PostgresJsOptions, type PostgresJsResource } from './postgres-js.ts';
export type { PostgresJs, PostgresJsSql } from './postgres-js-driver.ts';
export { rideKnex, type KnexLike } from './ride-knex.ts';
export { ridePg } from './ride-pg.ts';
export { rideSequelize, type SequelizeLike } from './ride-sequelize.ts';
export type { PgModule } from './transactional-pool.ts';
export {
  type TableConsumeOptions,
  type TableMessage,
  TableQueue,
  type TableQueueOptions,
  type TransactionRunner,
} from './table-queue.ts';
