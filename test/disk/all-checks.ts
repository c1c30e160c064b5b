import { join } from 'node:path';
import { callChecks } from './call-checks.ts';
import type { Check } from './check-list.ts';
import { mixedLogs, recordMoments, tornCopies } from './copy-checks.ts';
import { damageChecks } from './damage-checks.ts';
import { type Image, makeImages } from './images.ts';
import { powerCuts } from './power-cuts.ts';
import { watchedFolder } from './shim/shim-control.ts';

/** What a run works on. */
export interface Bench {
  readonly images: readonly Image[];
  readonly checks: readonly Check[];
}

/** Lives a few lives in `root`, and lists the checks on what they leave. */
export function makeBench(root: string): Bench {
  const hasShim = watchedFolder() !== undefined;
  const moments = recordMoments(join(root, 'moments'), 10);
  return {
    images: makeImages(root),
    checks: [
      ...damageChecks,
      tornCopies(moments),
      mixedLogs,
      ...(hasShim ? [...callChecks, powerCuts] : []),
    ],
  };
}
