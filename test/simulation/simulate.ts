// Simulates the whole system: `npm run simulate -- [--seconds N | --runs N | --seed S] [--plant NAME]`.
// `--from S` begins at another seed; `--seed S` replays one and tells its story; `--all-plants`
// shows how fast each planted defect is found.
//
// Node's settings in package.json: nearly all that a run makes is dead before 256 MB are full, so it
// is not collected earlier, nor put aside as if it lived on; and with less inlining so much code is
// compiled sooner.
import { rmSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleIn } from './bundle.ts';
import type * as Main from './main.ts';
import { plantNamed, plants } from './plants.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    runs: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    plant: { type: 'string' },
    'all-plants': { type: 'boolean', default: false },
  },
});

const folder = fileURLToPath(new URL(`../../.cache/simulation-${process.pid}/`, import.meta.url));

async function load(plantName: string | undefined): Promise<typeof Main> {
  const plant = plantName === undefined ? undefined : plantNamed(plantName);
  const place = await bundleIn(`${folder}${plantName ?? 'none'}`, plant);
  if (values.seed !== undefined) process.setSourceMapsEnabled(true);
  return (await import(place('main.ts'))) as typeof Main;
}

const from = Number(values.from);
try {
  if (values['all-plants']) {
    const wanted = plants.filter(({ name }) => [undefined, name].includes(values.plant));
    for (const { name, about } of wanted) {
      const { find } = await load(name);
      const found = await find({ name, about }, from);
      if (!found) process.exitCode = 1;
    }
  } else {
    const { replay, run } = await load(values.plant);
    const plant = values.plant === undefined ? [] : ['--plant', values.plant];
    const isSound =
      values.seed === undefined
        ? await run({
            firstSeed: from,
            ...(values.runs !== undefined && { runs: Number(values.runs) }),
            ...((values.seconds ?? values.runs) === undefined && { seconds: 30 }),
            ...(values.seconds !== undefined && { seconds: Number(values.seconds) }),
            plant,
          })
        : await replay(Number(values.seed));
    if (!isSound) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
