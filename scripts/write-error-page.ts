// Writes the table of docs/errors.md from the catalogue: `npm run docs:errors`.
import { errorTable } from './error-table.ts';
import { writeFigures } from './write-figures.ts';

writeFigures('errors.md', errorTable());
