import { env } from 'node:process';
import { fc } from '../../support/fast-check.ts';
import { describe, test } from 'vitest';
import { atomicCommitment } from './atomic-commitment.ts';
import { production } from './core.ts';
import { messageRules } from './message-rules.ts';
import { recordRules } from './record-rules.ts';
import { run, scripts } from './run.ts';

/** More runs: PROTOCOL_RUNS=100000 npx vitest run test/coordinator/protocol/properties.test.ts */
const numRuns = Number(env['PROTOCOL_RUNS'] ?? 1_000);

describe.each([
  ['atomic commitment', atomicCommitment],
  ['records', recordRules],
  ['messages and votes', messageRules],
])('%s', (_, rules) => {
  test.for(rules.map((rule) => [`${rule.name} (${rule.source})`, rule] as const))(
    '%s',
    ([, rule]) => {
      const holds = fc.property(scripts, (script) => {
        run(production, rule.weather, script, [rule]);
      });
      fc.assert(holds, { numRuns });
    },
  );
});
