import { AsyncResource } from 'node:async_hooks';
import type { PoolClient } from 'pg';
import type { PostgresResource } from './postgres.ts';

/** What is needed of a Sequelize of yours. Its connection manager is public, but not in its types. */
export interface SequelizeLike {
  getDialect(): string;
}

interface ConnectionManager {
  getConnection(options?: object): Promise<object>;
  releaseConnection(connection: object): void;
  destroyConnection(connection: object): Promise<void>;
  getTypeParser(oid: number, format?: string): (value: string) => unknown;
}

/**
 * Lets a Sequelize work inside transactions: there its connections are those of the resource, with
 * its own type parsers, and elsewhere they come from its own pool, as before. Call it once; gives
 * the same Sequelize.
 */
export function rideSequelize<S extends SequelizeLike>(
  sequelize: S,
  { lease }: Pick<PostgresResource, 'lease'>,
): S {
  const manager = (sequelize as unknown as { connectionManager: ConnectionManager })
    .connectionManager;
  const getConnection = manager.getConnection.bind(manager);
  const releaseConnection = manager.releaseConnection.bind(manager);
  const destroyConnection = manager.destroyConnection.bind(manager);
  const leases = new Map<object, PoolClient>();
  // A connection of its own that is made inside a transaction shall not carry it on.
  const outside = new AsyncResource('unanimous.sequelize');
  let isReady: Promise<void> | undefined;

  manager.getConnection = async (options) => {
    const leased = await lease();
    if (!leased) return getConnection(options);
    // With its first connection it learns the server's version and the ids of its types.
    isReady ??= outside.runInAsyncScope(() => getConnection(options).then(releaseConnection));
    await isReady.catch((error: unknown) => {
      isReady = undefined;
      throw error;
    });
    const connection = withParsers(leased, (oid, format) => manager.getTypeParser(oid, format));
    leases.set(connection, leased);
    return connection;
  };
  manager.releaseConnection = (connection) => {
    const leased = leases.get(connection);
    if (!leased) return releaseConnection(connection);
    leases.delete(connection);
    leased.release();
  };
  manager.destroyConnection = async (connection) => {
    const leased = leases.get(connection);
    if (!leased) return destroyConnection(connection);
    leases.delete(connection);
    leased.release(new Error('Sequelize has given the connection up'));
  };
  return sequelize;
}

/** The lease, reading values as Sequelize's own connections do. */
function withParsers(leased: PoolClient, getTypeParser: ConnectionManager['getTypeParser']) {
  const types = { getTypeParser };
  const query = (config: unknown, ...rest: readonly unknown[]) => {
    const typed = typeof config === 'string' ? { text: config, types } : config;
    return (leased.query as (...args: readonly unknown[]) => unknown)(typed, ...rest);
  };
  return new Proxy(leased, {
    get: (target, key) => (key === 'query' ? query : Reflect.get(target, key, target)),
  });
}
