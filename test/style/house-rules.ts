import { posix } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

/** One breach of a house rule: where, which, and what to do instead. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly remedy: string;
}

/** What a rule looks at: one source file and the entry points that other rules depend on. */
export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The SDK's adapters, one for each subpath export: `postgres`, `grpc`, … */
  readonly adapters: readonly string[];
}

interface Import {
  readonly specifier: string;
  readonly isDynamic: boolean;
}

type Breach = readonly [rule: string, remedy: string] | undefined;

const areas = ['proto', 'coordinator', 'participant-sdk', 'examples', 'test', 'bench', 'scripts'];

/** The arrows: examples → participant-sdk → proto ← coordinator. What proves it may import all. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  coordinator: ['proto'],
  'participant-sdk': ['proto'],
  examples: ['participant-sdk', 'proto'],
};

const embeddedClient = 'participant-sdk/src/client/embedded.ts';

/** Checks one source file against every rule. */
export function houseRuleViolations(source: SourceFile): Violation[] {
  const violations: Violation[] = [];
  const report = (offset: number, breach: Breach) => {
    if (breach === undefined) return;
    const line = source.text.slice(0, offset).split('\n').length;
    violations.push({ file: source.path, line, rule: breach[0], remedy: breach[1] });
  };
  report(0, badFileName(source.path));

  const { program, errors } = parseSync(source.path, source.text);
  for (const error of errors) report(0, ['files parse', error.message]);
  const isPure = isInProtocolFolder(source.path);
  const imported = (offset: number, specifier: unknown, isDynamic = false) => {
    if (typeof specifier === 'string') report(offset, badImport(source, { specifier, isDynamic }));
  };
  new Visitor({
    ImportDeclaration: (node) => imported(node.start, node.source.value),
    ExportAllDeclaration: (node) => imported(node.start, node.source.value),
    ExportNamedDeclaration: (node) => imported(node.start, node.source?.value),
    TSImportType: (node) => imported(node.start, node.source.value),
    ImportExpression: (node) => {
      if (node.source.type === 'Literal') imported(node.start, node.source.value, true);
    },
    ExportDefaultDeclaration: (node) => report(node.start, badDefaultExport(source.path)),
    TSEnumDeclaration: (node) =>
      report(node.start, ['no enums', "write a union of strings: type State = 'open' | 'closed'"]),
    ClassDeclaration: (node) => isPure && report(node.start, impure('class')),
    AwaitExpression: (node) => isPure && report(node.start, impure('await')),
    NewExpression: (node) => isPure && report(node.start, impureName(node.callee)),
    CallExpression: (node) => isPure && report(node.start, impureName(node.callee)),
  }).visit(program);
  return violations;
}

function badFileName(path: string): Breach {
  const name = posix.basename(path);
  if (['utils.ts', 'helpers.ts', 'types.ts'].includes(name)) {
    return [
      `no file named ${name}`,
      'put each piece beside what uses it, in a file named after it',
    ];
  }
  if (/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(name)) return undefined;
  return ['file names are kebab-case', `rename it to ${kebabCase(name)}`];
}

function kebabCase(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').replaceAll('_', '-');
  return words.toLowerCase();
}

function badDefaultExport(path: string): Breach {
  if (path.endsWith('.config.ts')) return undefined; // the tools demand it there
  return ['no default exports', 'export it by name'];
}

function badImport(source: SourceFile, { specifier, isDynamic }: Import): Breach {
  const from = areaOf(source.path);
  const target = targetOf(source.path, specifier);
  return (
    againstArrow(source.path, from, target, isDynamic) ??
    aroundExports(from, specifier, target) ??
    betweenAdapters(source, target) ??
    outOfProtocol(source.path, specifier, target)
  );
}

function againstArrow(path: string, from: string, target: string, isDynamic: boolean): Breach {
  const to = areaOf(target);
  const allowed = mayImport[from];
  if (allowed === undefined || to === from || !areas.includes(to)) return undefined;
  if (allowed.includes(to)) return undefined;
  if (from === 'participant-sdk' && to === 'coordinator') {
    if (path === embeddedClient && isDynamic) return undefined;
    return [
      'the SDK does not import the coordinator',
      `hand it in as a transport; one dynamic import stands in ${embeddedClient}, and no other`,
    ];
  }
  return [
    `${from} does not import ${to}`,
    `arrows point one way (examples → participant-sdk → proto ← coordinator): move what both need ` +
      `to where both may reach it, or hand it in as a parameter`,
  ];
}

function aroundExports(from: string, specifier: string, target: string): Breach {
  const to = areaOf(target);
  if (mayImport[from] === undefined || to === from || mayImport[to] === undefined) return undefined;
  if (!specifier.startsWith('.')) return undefined;
  return ['packages are imported by name', `import from '@unanimous/${to}', and export it there`];
}

function betweenAdapters({ path, adapters }: SourceFile, target: string): Breach {
  const from = adapterOf(path, adapters);
  const to = adapterOf(target, adapters);
  if (from === undefined || to === undefined || from === to) return undefined;
  return [
    'adapters do not import each other',
    `${from} and ${to} are used apart: move what both need out of their folders`,
  ];
}

function adapterOf(path: string, adapters: readonly string[]): string | undefined {
  const name = /^participant-sdk\/src\/([a-z0-9-]+)(?:\.ts$|\/|$)/.exec(path)?.[1];
  return name !== undefined && adapters.includes(name) ? name : undefined;
}

function outOfProtocol(path: string, specifier: string, target: string): Breach {
  if (!isInProtocolFolder(path) || specifier === '@unanimous/proto/vocabulary') return undefined;
  const folder = path.slice(0, path.indexOf('/protocol/') + '/protocol/'.length);
  if (target.startsWith(folder)) return undefined;
  return [
    'protocol/ imports nothing but itself and @unanimous/proto/vocabulary',
    `hand ${specifier} in as data, or let the driver that runs the effects import it`,
  ];
}

const impureCalls: Readonly<Record<string, string>> = {
  'Date.now': 'take the time from the input',
  Date: 'take the time from the input',
  'performance.now': 'take the time from the input',
  'Math.random': 'take ids and random numbers from the input',
  'crypto.randomUUID': 'take ids and random numbers from the input',
  setTimeout: 'return a timer as an effect',
  setInterval: 'return a timer as an effect',
  setImmediate: 'return a timer as an effect',
  queueMicrotask: 'return an effect',
  Promise: 'return an effect, and let its result come back as an input',
};

/** An expression as far as this rule looks into it: `name`, or `object.name`. */
interface Callee {
  readonly type: string;
  readonly name?: unknown;
  readonly object?: Callee;
  readonly property?: Callee;
}

function impureName(callee: Callee): Breach {
  const name = dottedName(callee);
  const root = name.split('.')[0] ?? '';
  const remedy = impureCalls[name];
  if (remedy !== undefined) return [`protocol/ is pure: no ${name}`, remedy];
  if (root === 'console' || root === 'process') return impure(root);
  return undefined;
}

function dottedName(callee: Callee): string {
  if (callee.type === 'Identifier') return String(callee.name);
  if (callee.type !== 'MemberExpression') return '';
  if (callee.object === undefined || callee.property === undefined) return '';
  return `${dottedName(callee.object)}.${dottedName(callee.property)}`;
}

function impure(what: 'class' | 'await' | 'console' | 'process'): Breach {
  const remedy = {
    class: 'write plain functions over discriminated unions',
    await: 'return an effect, and let its result come back as an input',
    console: 'return what is to be said; the driver logs',
    process: 'take it from the input',
  }[what];
  return [`protocol/ is pure: no ${what}`, remedy];
}

function isInProtocolFolder(path: string): boolean {
  return /^(?:coordinator|participant-sdk)\/src\/(?:.*\/)?protocol\//.test(path);
}

function areaOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** The path that a specifier points to; another package's own name where it is none of ours. */
function targetOf(path: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier);
  const ours = /^@unanimous\/([a-z-]+)(?:\/(.*))?$/.exec(specifier);
  return ours === null ? `npm:${specifier}` : `${ours[1]}/src/${ours[2] ?? 'index.ts'}`;
}
