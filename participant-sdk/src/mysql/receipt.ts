/**
 * What a branch gives the coordinator to keep: which database holds its receipt row (PROTOCOL rule
 * 11). As text it is JSON.
 */
export interface Receipt {
  /** Id of the database, from its row in unanimous_identity. */
  readonly database: string;
  readonly incarnation: number;
}

/** Reads a receipt; undefined when it is empty or not one of ours. */
export function parseReceipt(text: string): Receipt | undefined {
  try {
    const { database, incarnation } = JSON.parse(text) as Record<string, unknown>;
    const isWhole = typeof database === 'string' && Number.isSafeInteger(incarnation);
    return isWhole ? { database, incarnation: incarnation as number } : undefined;
  } catch {
    return undefined;
  }
}
