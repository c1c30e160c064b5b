import { defineResource } from '@unanimous/participant-sdk';
import type { Effect, ResourceCase } from '../support/resource-case.ts';
import { type DefinedSettings, resourceCase as defined, writerTo } from './defined-resource.ts';

/** A plant: `apply` returns before it writes, so a kill in between loses what was acknowledged. */
export const resourceCase: ResourceCase<DefinedSettings> = {
  ...defined,
  title: 'a resource that acknowledges before it writes',
  module: import.meta.url,

  async serve(tm, rm, settings) {
    const apply = writerTo(settings);
    const early = await tm.serve(
      defineResource<Effect>({
        rm,
        identity: settings.file,
        takesWork: true,
        apply: (effect, place) => void setTimeout(() => apply(effect, place), 300),
      }),
    );
    return (effect: Effect) => early.write(effect);
  },
};
