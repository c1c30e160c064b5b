import type { TransactionClient } from '@unanimous/participant-sdk';
import type pg from 'pg';
import type { TempDir } from '../../../test/support/temp-dir.ts';
import { change, rowCounts } from '../accounts.ts';
import { plainCommits } from '../by-hand.ts';

/** What is there before the resources are: a coordinator, and a Postgres that all are measured with. */
export interface Bench {
  readonly tm: TransactionClient;
  /** The Postgres as a resource. */
  readonly accounts: pg.Pool;
  /** The same Postgres without transactions of ours. */
  readonly plain: pg.Pool;
  readonly folder: TempDir;
  readonly inFlight: number;
}

/** Something that can be written to with a row of Postgres, by hand and in a transaction. */
export interface MeasuredResource extends AsyncDisposable {
  /** As it stands in the table. */
  readonly name: string;
  /** The row and the event, one after the other, with nothing that ties them. */
  byHand(event: string): Promise<unknown>;
  /** Both in one transaction. */
  inTransaction(event: string): Promise<unknown>;
  /** Resolves when a consumer or reader has it, where there is one. Ask before it is written. */
  readonly arrival?: (event: string) => Promise<void>;
  /** What is written by hand goes elsewhere, where nobody reads it. */
  readonly isReadByHand?: false;
}

/** A change of a row, the same in all that is measured. */
export function changeRow(client: pg.Pool | pg.PoolClient): Promise<unknown> {
  return client.query(change, [1 + Math.floor(Math.random() * rowCounts.cold)]);
}

/** How something is written beside a row of Postgres. */
export interface Beside extends Omit<MeasuredResource, 'byHand' | 'inTransaction'> {
  /** By its driver alone. */
  readonly write: (event: string) => Promise<unknown>;
  /** As a resource, within the current transaction. */
  readonly stage: (event: string) => Promise<unknown>;
}

/** A row in Postgres, and what `write` and `stage` do. */
export function besideRow(bench: Bench, { write, stage, ...rest }: Beside): MeasuredResource {
  return {
    ...rest,
    async byHand(event) {
      await plainCommits([bench.plain], changeRow);
      await write(event);
    },
    async inTransaction(event) {
      await bench.tm.transaction(async () => {
        await changeRow(bench.accounts);
        await stage(event);
      });
    },
  };
}
