import { type BranchId, type Reason, reason } from '@unanimous/proto';
import type { Finished } from '../resource.ts';
import { unavailableError } from './error-number.ts';
import { readIdentity } from './identity-row.ts';
import type { PhaseTwoPool } from './phase-two-pool.ts';
import { parseReceipt } from './receipt.ts';
import { isPruned, readReceipt } from './receipt-rows.ts';

/** What a receipt says. */
export type Settled = Finished | { readonly result: 'in-progress' };

/**
 * What became of a branch that is not prepared any more, or never was. Three answers and none of
 * them guessed; what the row cannot tell is unknown.
 * @throws UnanimousError when it must be asked again.
 */
export async function settle(pool: PhaseTwoPool, id: BranchId, text: string): Promise<Settled> {
  const { rm } = id;
  const unknown = (why: string): Settled => ({ result: 'unknown', reason: hazard(rm, why) });
  const receipt = parseReceipt(text);
  if (!receipt) return unknown(text === '' ? 'there is no receipt' : 'the receipt is unreadable');
  try {
    const identity = await readIdentity(pool, rm);
    if (identity.id !== receipt.database) {
      return unknown(`this is another database (${identity.id}, not ${receipt.database})`);
    }
    const state = await readReceipt((sql, values) => pool.run(sql, values), id);
    if (state === 'present') return { result: 'committed' };
    if (state === 'locked') return { result: 'in-progress' };
    if (identity.incarnation !== receipt.incarnation) {
      const change = `${receipt.incarnation} to ${identity.incarnation}`;
      return unknown(`the database went from incarnation ${change}, and the receipt is gone`);
    }
    // The mark is raised before rows are deleted, so reading it second is enough.
    if (await isPruned(pool, id)) return unknown('receipts of its time were deleted');
    return { result: 'rolled-back' };
  } catch (error) {
    throw unavailableError(error, rm);
  }
}

function hazard(rm: string, why: string): Reason {
  const hint = 'Look into the database for what the transaction wrote, then resolve the branch.';
  return { ...reason('unknown', `${rm}: ${why}`, rm), hint };
}
