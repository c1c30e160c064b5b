#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { register } from 'node:module';

const source = new URL('../src/cli.ts', import.meta.url);
if (existsSync(source)) {
  // A checkout: run the sources, never a dist that may be stale. The published package has no src.
  const preferSources =
    'export const resolve = (specifier, context, next) => next(specifier, ' +
    '{ ...context, conditions: ["@unanimous/source", ...context.conditions] });';
  register(`data:text/javascript,${encodeURIComponent(preferSources)}`);
  (await import('tsx/esm/api')).register();
  await import(source.href);
} else {
  await import('../dist/cli.js');
}
