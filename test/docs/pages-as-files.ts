import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { typescriptBlocks } from './snippets.ts';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** The blocks of a page as files, named in their first line, where imports find the packages. */
export class PageFolder {
  readonly path: string;

  constructor(page: string, mend: (text: string, folder: string) => string = (text) => text) {
    mkdirSync(join(root, '.cache'), { recursive: true });
    this.path = mkdtempSync(join(root, `.cache/${page}-`));
    for (const block of typescriptBlocks(`docs/${page}.md`)) {
      const name = /^\/\/ ([a-z-]+\.ts)\n/.exec(block)?.[1];
      if (!name) throw new Error(`a block without a name: ${block.slice(0, 40)}`);
      writeFileSync(join(this.path, name), mend(block, this.path));
    }
  }

  file(name: string): string {
    return join(this.path, name);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
