import { readFileSync, writeFileSync } from 'node:fs';

/** A page may show the figures of several runs, each between marks with its name. */
function marksOf(name: string | undefined): { readonly from: string; readonly to: string } {
  const suffix = name === undefined ? '' : `: ${name}`;
  return { from: `<!-- figures${suffix} -->`, to: `<!-- end of figures${suffix} -->` };
}

/** A page with other figures between its marks; the words around them stay. */
export function withFigures(text: string, figures: string, name?: string): string {
  const marks = marksOf(name);
  const [before, ...rest] = text.split(marks.from);
  const after = rest.join('').split(marks.to);
  if (rest.length !== 1 || after.length !== 2) {
    throw new Error(`the page needs ${marks.from} and ${marks.to}, once each`);
  }
  return `${before}${marks.from}\n\n${figures}\n\n${marks.to}${after[1]}`;
}

/** The figures that stand in a page of docs/, between the marks without a name. */
export function readFigures(page: string): string {
  const text = readFileSync(new URL(`../docs/${page}`, import.meta.url), 'utf8');
  return /<!-- figures -->(.*)<!-- end of figures -->/s.exec(text)?.[1]?.trim() ?? '';
}

/** Puts figures of a run into a page of docs/. */
export function writeFigures(page: string, figures: string, name?: string): void {
  const url = new URL(`../docs/${page}`, import.meta.url);
  writeFileSync(url, withFigures(readFileSync(url, 'utf8'), figures, name));
}
