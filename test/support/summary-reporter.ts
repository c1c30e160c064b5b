import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

/**
 * Ends a run with one line, `N passed, N failed, N skipped`, after the list of what was skipped.
 * A test skipped for want of a server carries the note "server absent: NAME" (see
 * test/servers/require-server.ts), so nobody takes a skipped test for a passed one.
 * A module that could not be loaded, and an error outside any test, counts as one failure each.
 */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    const brokenSuites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const brokenCount = brokenSuites.filter((suite) => suite.errors().length > 0).length;
    const skipped = tests.filter((test) => test.result().state === 'skipped');

    const lines = skipped.map((test) => `skipped: ${fullName(test)} (${skipReason(test)})`);
    const failedCount = count('failed') + brokenCount + unhandledErrors.length;
    lines.push(`${count('passed')} passed, ${failedCount} failed, ${skipped.length} skipped`);
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

function fullName(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

/** The note given to `context.skip(note)`, or the one in a suite's or test's title. */
function skipReason(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  const absent = absentServer(test.name) ?? absentInParents(test.parent);
  return absent ?? 'skipped by the test itself';
}

function absentInParents(parent: TestModule | TestSuite): string | undefined {
  if (parent.type === 'module') return undefined;
  return absentServer(parent.name) ?? absentInParents(parent.parent);
}

function absentServer(title: string): string | undefined {
  return /\[((?:server|command|driver) absent: [^\]]+)\]/.exec(title)?.[1];
}
