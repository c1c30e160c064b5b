// npm run bench:check
// Fails when a transaction has become much dearer. It looks at what other processes of the machine
// hardly change: bytes that are allocated, and CPU time beside that of the echo, taken in turns.
import { TransactionClient } from '@unanimous/participant-sdk';
import { tempDir } from '../test/support/temp-dir.ts';
import { allocatedBytes } from './support/allocated-bytes.ts';
import { Echo } from './support/echo.ts';
import { VotingResource } from './support/voting-resource.ts';
import { VotingShop } from './support/voting-shop.ts';

/** A transaction of 64 in flight; each with about a third above what was measured. */
const limits = { allocatedKib: 46, cpuShare: 8 };

const inFlight = 64;
const rounds = 3;

const allocatedKib = await measureAllocated(2_000);
const cpuShare = await measureCpuShare(1_500);
const results = [
  {
    what: 'KiB allocated by coordinator and SDK for a transaction',
    is: allocatedKib,
    limit: limits.allocatedKib,
  },
  { what: 'times the CPU time of an echo of its messages', is: cpuShare, limit: limits.cpuShare },
];
for (const { what, is, limit } of results) {
  console.log(
    `${is <= limit ? 'ok' : 'TOO MUCH'}: ${is.toFixed(1)} ${what}; the limit is ${limit}`,
  );
}
process.exit(results.every(({ is, limit }) => is <= limit) ? 0 : 1);

/** Coordinator and SDK in this process: what both allocate. */
async function measureAllocated(count: number): Promise<number> {
  using folder = tempDir('unanimous-bench-');
  await using tm = await TransactionClient.embedded({ data: folder.file('log'), service: 'bench' });
  const first = await tm.serve(new VotingResource('first-db'));
  const second = await tm.serve(new VotingResource('second-db'));
  const transaction = () => tm.transaction(() => Promise.all([first.write(), second.write()]));
  await times(count, transaction);
  return (await allocatedBytes(() => times(count, transaction))) / count / 1_024;
}

/** Median over rounds of our CPU time by the echo's. */
async function measureCpuShare(count: number): Promise<number> {
  await using echo = await Echo.start();
  await using shop = await VotingShop.open({ participants: 2 });
  const shares: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const floorUs = await echo.cpuUsOf(() => times(4 * count, () => echo.transaction()));
    const oursUs = await shop.cpuUsOf(() => times(count, () => shop.transaction()));
    if (round >= 0) shares.push((4 * oursUs) / floorUs);
  }
  return shares.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
}

async function times(count: number, work: () => Promise<unknown>): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}
