import { UnanimousError } from '@unanimous/proto';
import type { Resource } from '../resource.ts';

/** Stands for a resource that this instance does not serve: its branches can only be unknown. */
export function absentResource(rm: string): Resource {
  const refuse = () => Promise.reject(new UnanimousError('unknown-rm', `${rm} is not served`));
  return {
    rm,
    kind: 'native',
    canOnePhase: false,
    attach: () => {},
    open: refuse,
    scan: refuse,
    remembered: refuse,
    remember: refuse,
    commit: refuse,
    abort: refuse,
    settle: refuse,
    close: () => Promise.resolve(),
  };
}
