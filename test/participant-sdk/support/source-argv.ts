import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Flags with which Node loads our sources unbuilt, in a child of the conformance kit for example. */
export const sourceArgv = [
  '--conditions=@unanimous/source',
  '--import',
  pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href,
];
