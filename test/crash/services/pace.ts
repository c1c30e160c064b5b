/** Longest time between two scans of the services of the kill tests. */
export const boundedScanMs = 500;

/** Deadline of an order's transaction: later than a lost session is noticed, on a busy machine too. */
export const orderTimeoutMs = 2_500;
