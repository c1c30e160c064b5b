import type { PostgresResource } from './postgres.ts';

/** What is needed of a knex of yours. */
export interface KnexLike {
  readonly client: {
    acquireConnection(): Promise<any>;
    releaseConnection(connection: any): Promise<void>;
  };
}

/** A lease of ours, with the mark that knex leaves on a connection which it has given up. */
interface KnexLease {
  readonly __knex__disposed?: Error;
  release(broken?: Error): void;
}

/**
 * Lets a knex work inside transactions: there its connections are those of the resource, and
 * elsewhere they come from its own pool, as before. Call it once; gives the same knex.
 */
export function rideKnex<K extends KnexLike>(knex: K, { lease }: Pick<PostgresResource, 'lease'>) {
  const { client } = knex;
  const acquire = client.acquireConnection.bind(client);
  const giveBack = client.releaseConnection.bind(client);
  const leases = new WeakSet<object>();

  client.acquireConnection = async () => {
    const leased = await lease();
    if (!leased) return acquire();
    leases.add(leased);
    return leased;
  };
  client.releaseConnection = async (connection: object) => {
    if (!leases.delete(connection)) return giveBack(connection);
    const { __knex__disposed: broken } = connection as KnexLease;
    (connection as KnexLease).release(broken);
  };
  return knex;
}
