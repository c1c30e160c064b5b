// The public list of @unanimous/participant-sdk/mysql.
export { mysql, type MysqlOptions, type MysqlResource } from './mysql.ts';
export type { Mysql2Module } from './transactional-pool.ts';
