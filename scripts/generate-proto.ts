// Writes proto/src/generated from the .proto files: `npm run proto:generate`.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loaderOptions } from '../proto/src/loader-options.ts';
import { frameCodec } from './generate-codec.ts';

const protoDir = fileURLToPath(new URL('../proto/', import.meta.url));
const generatedDir = fileURLToPath(new URL('../proto/src/generated/', import.meta.url));
const files = ['session', 'coordinator', 'admin'].map((name) => `unanimous/v1/${name}.proto`);

/** The loader's options as the generator's flags. */
function generatorFlags(): string[] {
  return Object.entries(loaderOptions).map(([name, value]) => {
    if (typeof value === 'boolean') return value ? `--${name}` : `--no-${name}`;
    return `--${name}=${value.name}`;
  });
}

/** Writes `messages.ts`, which exports each message and enum in its in-memory form. */
function writeMessageList(outDir: string): void {
  const folder = join(outDir, 'unanimous/v1');
  const names = readdirSync(folder)
    .map((file) => file.replace(/\.ts$/, ''))
    .filter((name) => readFileSync(join(folder, `${name}.ts`), 'utf8').includes(`${name}__Output`))
    .toSorted();
  const line = (name: string) =>
    `export type { ${name}__Output as ${name} } from './unanimous/v1/${name}.js';\n`;
  writeFileSync(join(outDir, 'messages.ts'), names.map(line).join(''));
}

/** Writes the types of all .proto files into `outDir`, which is emptied first. */
export function generateProto(outDir: string): void {
  const require = createRequire(new URL('../proto/package.json', import.meta.url));
  const generator = require.resolve('@grpc/proto-loader/build/bin/proto-loader-gen-types.js');
  const flags = ['--grpcLib=@grpc/grpc-js', '--importFileExtension=.js', '--includeComments'];
  rmSync(outDir, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [generator, ...flags, ...generatorFlags(), '-I', '.', '-O', resolve(outDir), '--', ...files],
    { cwd: protoDir, stdio: 'inherit' }, // relative, because the generator writes the paths down
  );
  writeMessageList(outDir);
  writeFileSync(join(outDir, 'frame-codec.ts'), frameCodec(protoDir));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generateProto(generatedDir);
