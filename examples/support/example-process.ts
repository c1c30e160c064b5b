import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServiceProcess } from './service-process.ts';

const unanimous = fileURLToPath(new URL('../../coordinator/bin/unanimous.js', import.meta.url));
const fromSources = ['--conditions=@unanimous/source', '--import', 'tsx'];

/** What every process of an example is told. */
export interface ExampleProcessOptions {
  /** The example's folder: what a process says goes to a file there. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `unanimous serve` as users run it, with its log in the example's folder. */
export function coordinatorProcess(address: string, options: ExampleProcessOptions) {
  const { folder, env } = options;
  return new ServiceProcess({
    name: 'coordinator',
    args: [unanimous, 'serve', '--data', join(folder, 'coordinator'), '--listen', address],
    env,
    readyLine: 'unanimous ready',
    logFile: join(folder, 'coordinator.log'),
  });
}

/** A service of an example, from its sources. It says "ready" when it answers. */
export function serviceProcess(name: string, program: URL, options: ExampleProcessOptions) {
  const { folder, env } = options;
  return new ServiceProcess({
    name,
    args: [...fromSources, fileURLToPath(program)],
    env,
    readyLine: 'ready',
    logFile: join(folder, `${name}.log`),
  });
}
