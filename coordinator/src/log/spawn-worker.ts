import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts a worker thread from a module next to the caller, `base` being the caller's
 * `import.meta.url` and `name` the module without its ending. Runs built and from sources: a worker
 * can't load TypeScript by itself, so there it registers tsx first.
 */
export function spawnWorker(base: string, name: string, options: WorkerOptions = {}): Worker {
  if (!base.endsWith('.ts')) return new Worker(new URL(`./${name}.js`, base), options);
  const source = JSON.stringify(new URL(`./${name}.ts`, base).href);
  const register = "import('tsx/esm/api').then(({ register }) => register())";
  const boot = `${register}.then(() => import(${source}))`;
  return new Worker(boot, {
    ...options,
    eval: true,
    execArgv: ['--conditions=@unanimous/source'],
  });
}
