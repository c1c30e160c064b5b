import { readFileSync } from 'node:fs';

/** The TypeScript blocks of a page, in order. */
export function typescriptBlocks(page: string): string[] {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
}

/** Splits a program into its imports, which must stand first, and the rest. */
export function splitImports(program: string): { imports: string; body: string } {
  const isImport = (line: string) => line.startsWith('import ');
  const lines = program.split('\n');
  return {
    imports: lines.filter(isImport).join('\n'),
    body: lines.filter((line) => !isImport(line)).join('\n'),
  };
}
