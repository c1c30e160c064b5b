// Clients that serve a resource, each on a session of its own, and do nothing.
import { TransactionClient } from '@unanimous/participant-sdk';
import { VotingResource } from './voting-resource.ts';

const [address = '', count = '0'] = process.argv.slice(2);
const atOnce = 50;

for (let opened = 0; opened < Number(count); opened += atOnce) {
  const some = Array.from({ length: Math.min(atOnce, Number(count) - opened) }, async () => {
    const tm = new TransactionClient({ address, service: 'idle', connectTimeoutMs: 60_000 });
    await tm.serve(new VotingResource('idle'));
  });
  await Promise.all(some);
}
console.log('idle sessions open');
