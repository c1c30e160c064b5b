import { transfers } from '../../participant-sdk/service/payment-resource.ts';
import type { Effect, ResourceCase } from '../support/resource-case.ts';
import { type ProviderSettings, resourceCase as reservation } from './reservation.ts';

/** Each transaction has one final transfer made, by the provider that is asked last. */
export const resourceCase: ResourceCase<ProviderSettings> = {
  ...reservation,
  title: 'A service whose answer is final',
  module: import.meta.url,
  promised: { parts: 1, repeats: 'none', order: 'none' },

  async serve(tm, _, { url }) {
    const provider = await tm.serve(transfers(url));
    return ({ n, part }: Effect) => provider.call({ order: `${n}/${part}`, cents: 500 });
  },
};
