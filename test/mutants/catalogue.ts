import { client } from './client.ts';
import { core } from './core.ts';
import { driver } from './driver.ts';
import { effects } from './effects.ts';
import { log } from './log.ts';
import { mirrorLayer } from './mirror.ts';
import type { Mutant } from './mutant.ts';
import { mysql } from './mysql.ts';
import { participant } from './participant.ts';
import { postgres } from './postgres.ts';
import { queue } from './queue.ts';
import { rules } from './rules.ts';
import { search } from './search.ts';
import { sessionLayer } from './session.ts';
import { sqlite } from './sqlite.ts';
import { untoldTransactions } from './untold.ts';

/** All mutants, by the part that they spoil. */
const catalogue: Readonly<Record<string, readonly Mutant[]>> = {
  core,
  driver,
  log,
  mirror: mirrorLayer,
  session: sessionLayer,
  participant,
  client,
  untold: untoldTransactions,
  postgres,
  mysql,
  queue,
  sqlite,
  effects,
  search,
  rules,
};

/** The parts, in their order. */
export const areas: readonly string[] = Object.keys(catalogue);

/** A mutant with its part. */
export interface Listed {
  readonly area: string;
  readonly mutant: Mutant;
}

/** All of them in a fixed order. */
export const allMutants: readonly Listed[] = Object.entries(catalogue).flatMap(([area, mutants]) =>
  mutants.map((mutant) => ({ area, mutant })),
);

/** What is to be tried. */
export interface Choice {
  /** Part, name or piece of a name. */
  readonly only?: string;
  /** `K/N`: the K-th of N parts of about the same size, spread over all areas. */
  readonly slice?: string;
}

/**
 * The mutants of a choice.
 * @throws Error when it is malformed or chooses none.
 */
export function choose({ only, slice = '1/1' }: Choice): readonly Listed[] {
  const [, part = '', parts = ''] = /^([1-9][0-9]*)\/([1-9][0-9]*)$/.exec(slice) ?? [];
  if (part === '' || Number(part) > Number(parts)) throw new Error(`--slice ${slice}: not K/N`);
  const isArea = only !== undefined && only in catalogue;
  const chosen = allMutants
    .filter(({ area, mutant }) => !only || (isArea ? area === only : mutant.name.includes(only)))
    .filter((_, index) => index % Number(parts) === Number(part) - 1);
  if (chosen.length === 0) throw new Error(`no mutant is chosen by ${only ?? slice}`);
  return chosen;
}
