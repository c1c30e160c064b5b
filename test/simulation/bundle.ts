import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Plant } from './plants.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Where other code starts. */
const entries = ['main.ts', 'shrink.ts', 'slice.ts'] as const;

/**
 * Makes plain JavaScript of the simulation and the production code that it runs, in a folder within
 * the repository; maybe with one defect. It is faster so: a loader that transforms each file while
 * the program runs also gives every function its name anew. Answers where an entry is.
 * @throws when the text to replace does not stand there exactly once: the plant is stale.
 */
export async function bundleIn(
  folder: string,
  plant?: Plant,
): Promise<(entry: (typeof entries)[number]) => string> {
  const dist = join(folder, 'dist');
  await build({
    entryPoints: entries.map((entry) => join(root, 'test/simulation', entry)),
    outdir: dist,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    conditions: ['@unanimous/source'],
    external: ['@grpc/*', 'better-sqlite3', 'fast-check'],
    plugins: plant ? [planting(plant)] : [],
    logLevel: 'silent',
  });
  // The contract is looked for beside the code.
  cpSync(join(root, 'proto/unanimous'), join(folder, 'unanimous'), { recursive: true });
  return (entry) => pathToFileURL(join(dist, entry.replace('.ts', '.js'))).href;
}

function planting(plant: Plant): Plugin {
  return {
    name: plant.name,
    setup(making) {
      making.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (path !== join(root, plant.file)) return undefined;
        return { contents: planted(plant), loader: 'ts' };
      });
    },
  };
}

/**
 * The source of a file with a defect.
 * @throws when the text to replace does not stand there exactly once: the plant is stale.
 */
export function planted({ file, from, to }: Plant): string {
  const source = readFileSync(join(root, file), 'utf8');
  const count = source.split(from).length - 1;
  if (count !== 1) throw new Error(`${file} has ${count} times: ${from}`);
  return source.replace(from, () => to);
}
