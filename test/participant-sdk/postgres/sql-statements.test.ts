import { fc } from '../../support/fast-check.ts';
import { expect, test } from 'vitest';
import { splitStatements } from '../../../participant-sdk/src/postgres/sql-statements.ts';

const keywordsOf = (sql: string, hasEscapes = false) =>
  splitStatements(sql, hasEscapes).map(({ words }) => words.map((word) => word.text).join(' '));

/** Text that would break out of a quotation which the tokenizer reads wrongly. */
const hostile = fc
  .array(
    fc.constantFrom(';', 'commit', "'", '"', '\\', '$', '$$', '--', '/*', '*/', '\n', ' ', 'e'),
  )
  .map((parts) => parts.join(''));

const quoted = fc.oneof(
  hostile.map((text) => `'${text.replaceAll("'", "''")}'`),
  hostile.map((text) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`),
  hostile.map((text) => `"${text.replaceAll('"', '""')}"`),
  hostile.map((text) => `$tag$${text}$tag$`),
  hostile.map((text) => `$$${text.replaceAll('$', '')}$$`),
  hostile.map((text) => `'a'\n'${text.replaceAll("'", "''")}'`),
  hostile.map((text) => `e'a' -- x\n'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`),
);

const blank = fc.oneof(
  fc.constantFrom(' ', '\n', '\t '),
  hostile.map((text) => ` -- ${text.replaceAll('\n', '')}\n`),
  hostile.map(
    (text) =>
      ` /* ${text.replaceAll('*/', '').replaceAll('/*', '').replaceAll(/[*/]/g, '')} /* ; */ */ `,
  ),
);

const statement = fc
  .array(fc.tuple(blank, quoted), { minLength: 1, maxLength: 4 })
  .map((parts) => `select${parts.map(([gap, text]) => `${gap}${text},`).join('')} 1`);

test('a statement is cut at its own semicolons only, whatever its quotations hold', () => {
  const property = fc.property(fc.array(statement, { minLength: 1, maxLength: 5 }), (parts) => {
    const found = splitStatements(parts.join(';'));
    expect(found.length).toBe(parts.length);
    for (const { words } of found) {
      expect(words[0]?.text).toBe('SELECT');
      const bare = words.filter((word) => !word.isQuoted).map((word) => word.text);
      expect(bare).not.toContain('COMMIT');
    }
  });
  fc.assert(property, { numRuns: 2_000 });
});

test('a commit behind any statement is found', () => {
  fc.assert(
    fc.property(statement, blank, (before, gap) => {
      expect(keywordsOf(`${before};${gap}cOmMiT`).at(-1)).toBe('COMMIT');
    }),
    { numRuns: 2_000 },
  );
});

test('any text at all is read to its end, without a throw', () => {
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string()), fc.boolean(), (sql, hasEscapes) => {
      expect(() => splitStatements(sql, hasEscapes)).not.toThrow();
    }),
  );
});

test('a backslash escapes in E strings, and in plain ones only when told so', () => {
  const sql = String.raw`select '\'; commit; --'`;
  expect(keywordsOf(sql)).toEqual(['SELECT', 'COMMIT']);
  expect(keywordsOf(sql, true)).toEqual(['SELECT']);
  expect(keywordsOf(`select E${sql.slice(7)}`)).toEqual(['SELECT']);
  expect(keywordsOf(`select nameE${sql.slice(7)}`)).toEqual(['SELECT NAMEE', 'COMMIT']);
});

test('an E string goes on after a line break, a plain one begins anew otherwise', () => {
  expect(keywordsOf("select e'a'\n'\\'; commit'")).toEqual(['SELECT']);
  expect(keywordsOf("select e'a' '\\'; commit")).toEqual(['SELECT', 'COMMIT']);
});

test('dollar signs in names and parameters open no quotation', () => {
  expect(keywordsOf('select a$b$; commit; select $b$')).toEqual([
    'SELECT A$B$',
    'COMMIT',
    'SELECT',
  ]);
  expect(keywordsOf('select $1; commit; select $1')).toEqual(['SELECT 1', 'COMMIT', 'SELECT 1']);
});

test('what is never closed reaches to the end', () => {
  for (const open of ["'", "E'", '"', '$$', '$a$', '/*', '/* /* */']) {
    expect(keywordsOf(`select ${open}; commit`).length).toBe(1);
  }
});

test('letters that become keywords only in capitals are names', () => {
  expect(keywordsOf('commıt')).toEqual(['commıt']);
});
