/**
 * The external version of what a decision wrote: (epoch, seq) as one number of 63 bits, in the same
 * order; undefined beyond what fits. It needs no index: of one branch's effects on one document only
 * the last is sent.
 *
 * A seq may have 53 bits, which leaves 10 for the epoch, and a coordinator starts an epoch each
 * time that it starts. So half of the numbers goes to the first 512 epochs, which have room for any
 * seq, and half to the next 1,048,576, each with room for a seq of 42 bits: at a thousand
 * transactions a second, two records each, a log is full after seventy years.
 */
export function positionVersion(position: LogPosition): bigint | undefined {
  const [epoch, seq] = [BigInt(position.epoch), BigInt(position.seq)];
  if (epoch < wideEpochs) return epoch * wide + seq;
  if (epoch >= wideEpochs + narrowEpochs || seq >= narrow) return undefined;
  return wideEpochs * wide + (epoch - wideEpochs) * narrow + seq;
}

/** Where a decision stands in the coordinator's log. */
export interface LogPosition {
  readonly epoch: number;
  readonly seq: number;
}

const wideEpochs = 2n ** 9n;
const wide = 2n ** 53n;
const narrowEpochs = 2n ** 20n;
const narrow = 2n ** 42n;
