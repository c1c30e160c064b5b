import type { Pool } from 'pg';
import type { PostgresResource } from './postgres.ts';

/**
 * Your `pg` module with a `Pool` that is the resource's, for what makes its own pool of a module:
 * TypeORM's `driver`. The connection options that it gives are not looked at. `pg.native` is left
 * out, for it does not show the warnings of Postgres.
 */
export function ridePg<M extends object>(pg: M, { pool }: Pick<PostgresResource, 'pool'>): M {
  // A constructor that returns an object makes no other.
  const ResourcePool = function ResourcePool(): Pool {
    return pool;
  };
  return { ...pg, native: undefined, Pool: ResourcePool };
}
