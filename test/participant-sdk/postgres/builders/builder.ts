import type { Resource } from '../../../../participant-sdk/src/resource.ts';
import { Fixture, type ResourceFixture } from '../branches.ts';

/** What can be said through a builder, or through a transaction of its own. */
export interface Statements {
  insert(id: number, name: string): Promise<unknown>;
  rename(id: number, name: string): Promise<unknown>;
  /** All names, in the order of their ids. */
  names(): Promise<string[]>;
  /** Runs a SQL text as it is, in the builder's own way. */
  raw(sql: string): Promise<unknown>;
  /** The column `value` of the only row that a SQL text gives. */
  value(sql: string): Promise<unknown>;
  /** A transaction of the builder's inside this one, or a savepoint where it has none. */
  nested(work: (inner: Statements) => Promise<unknown>): Promise<unknown>;
}

export type Isolation = 'read committed' | 'serializable';

/** A query builder as the contract sees it. Table: dishes (id int primary key, name text). */
export interface Builder extends Statements {
  /** A transaction of the builder's own. */
  transaction(work: (tx: Statements) => Promise<unknown>, isolation?: Isolation): Promise<unknown>;
  /** It takes a connection for broken that refuses to begin. */
  readonly givesUpWhenRefused?: true;
  close?(): Promise<unknown>;
}

/** Runs `work` between a savepoint and its end. */
export async function bySavepoint(
  run: (sql: string) => Promise<unknown>,
  work: () => Promise<unknown>,
): Promise<void> {
  await run('SAVEPOINT inner_one');
  try {
    await work();
    await run('RELEASE SAVEPOINT inner_one');
  } catch (error) {
    await run('ROLLBACK TO SAVEPOINT inner_one');
    throw error;
  }
}

/** A builder on a database that exists, over a resource that was opened. */
export interface BuilderSetup {
  readonly fixture: ResourceFixture<Resource>;
  readonly builder: Builder;
}

export type SetUp = (url: string) => Promise<BuilderSetup>;

/** As `SetUp`, and over a resource that is there already. */
export type PoolSetUp = SetUp & {
  readonly over: (fixture: Fixture) => Builder | Promise<Builder>;
};

/** For a builder that rides the resource's own pool, with few connections, so that a leak shows. */
export function overPool(over: PoolSetUp['over']): PoolSetUp {
  const setUp: SetUp = async (url) => {
    const fixture = await new Fixture(url, { max: 2, connectionTimeoutMillis: 2_000 }).open();
    return { fixture, builder: await over(fixture) };
  };
  return Object.assign(setUp, { over });
}
