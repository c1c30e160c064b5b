import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'oxc-parser';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));

/** A link in a page of docs/. */
export interface Link {
  readonly text: string;
  /** Absolute. */
  readonly path: string;
}

/** The text of a page in docs/. */
export function pageText(name: string): string {
  return readFileSync(join(docs, name), 'utf8');
}

/** The links of a text that stands in docs/. */
export function linksIn(text: string): Link[] {
  // A title may hold brackets, but not the two characters that end a link's text.
  return [...text.matchAll(/\[(.+?)\]\(([^)]+)\)/g)].map(([, title = '', path = '']) => {
    return { text: title, path: join(docs, path) };
  });
}

/** Patterns of the titles of all tests in a file; `%s` and the like stand for anything. */
function titlesIn(path: string): RegExp[] {
  const { program } = parseSync(path, readFileSync(path, 'utf8'));
  const titles: RegExp[] = [];
  new Visitor({
    CallExpression: ({ callee, arguments: [title] }) => {
      if (!isTest(callee)) return;
      if (title?.type === 'Literal') titles.push(patternOf([String(title.value)]));
      if (title?.type === 'TemplateLiteral') {
        titles.push(patternOf(title.quasis.map(({ value }) => value.cooked ?? '')));
      }
    },
  }).visit(program);
  return titles;
}

/** An expression as far as this looks into it. */
interface Callee {
  readonly type: string;
  readonly name?: unknown;
  readonly object?: Callee;
  readonly property?: Callee;
  readonly callee?: Callee;
}

/** `test`, `needed.test`, and what `test.each(…)` and the like give; `describe` as well. */
function isTest({ type, name, object, property, callee }: Callee): boolean {
  const isOne = (text: unknown) => text === 'test' || text === 'describe';
  if (type === 'Identifier') return isOne(name);
  if (type === 'CallExpression') return callee !== undefined && isTest(callee);
  return (isOne(property?.name) || (object && isTest(object))) ?? false;
}

function patternOf(parts: readonly string[]): RegExp {
  const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const filled = parts.map((part) => escape(part).replace(/%[sijdo]|\\\$[a-z]+/gi, '(.+)'));
  return new RegExp(`^${filled.join('(.*)')}$`, 's');
}

/** What is wrong with a link to a test; undefined when there is such a test, or group of tests. */
export function problemOf({ text, path }: Link): string | undefined {
  if (!existsSync(path)) return `${path} does not exist`;
  const found = titlesIn(path).map((title) => title.exec(text));
  const match = found.find((each) => each !== null);
  if (!match) return `${path} has no test "${text}": mend the page`;
  // What fills a title in must at least be spoken of beside the test.
  const missing = match.slice(1).filter((value) => !isSpokenOf(value, dirname(path)));
  return missing.length > 0 ? `${path}: nobody knows ${missing.join()}` : undefined;
}

function isSpokenOf(value: string, folder: string): boolean {
  if (/^%[sijdo]$/.test(value)) return true; // the title of all of them
  const names = readdirSync(folder, { recursive: true }).map(String);
  const text = value.replace(/^"(.*)"$/, '$1');
  return names.some(
    (name) =>
      name.includes(text) ||
      (name.endsWith('.ts') && readFileSync(join(folder, name), 'utf8').includes(text)),
  );
}
