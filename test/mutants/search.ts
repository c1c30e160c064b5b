import type { Mutant } from './mutant.ts';

const src = 'participant-sdk/src/search';
const tests = 'test/participant-sdk/search';
const onServer = `${tests}/search.test.ts`;

/** Spoils the resource of search indexes. */
export const search: readonly Mutant[] = [
  {
    name: 'lets an index take what comes last',
    file: `${src}/bulk-write.ts`,
    from: "return [{ index: { ...action, version_type: 'external_gte' } }, sourceOf(effect, removedAt)];",
    to: 'return [{ index: { _index: action._index, _id: action._id } }, sourceOf(effect, removedAt)];',
    breaks: ['rule 14'],
    tests: [`${onServer} > in opensearch conform applied out of order, the newer write stays`],
  },
  {
    name: 'refuses what lost against something newer',
    file: `${src}/bulk-write.ts`,
    from: "if (status === 409) return 'newer-stands';",
    to: '',
    breaks: ['rule 14'],
    tests: [`${onServer} > in opensearch conform applied out of order, the newer write stays`],
  },
  {
    name: 'takes a repeat for done that is not known to be forced',
    file: `${src}/bulk-write.ts`,
    from: "version_type: 'external_gte'",
    to: "version_type: 'external'",
    breaks: ['scenario 18'],
    tests: [`${onServer} > in opensearch a repeat writes again`],
  },
  {
    name: 'truly deletes a document, and forgets its version',
    file: `${src}/bulk-write.ts`,
    from: "return [{ index: { ...action, version_type: 'external_gte' } }, sourceOf(effect, removedAt)];",
    to: "const way = { ...action, version_type: 'external_gte' };\n    return effect.document ? [{ index: way }, effect.document] : [{ delete: way }];",
    breaks: ['rule 14'],
    tests: [`${onServer} > in opensearch what was removed stays away`],
  },
  {
    name: 'gives the versions of two epochs one order, by seq alone',
    file: `${src}/position-version.ts`,
    from: 'return epoch * wide + seq;',
    to: 'return epoch + seq;',
    breaks: ['rule 14'],
    tests: [`${tests}/position-version.test.ts`],
  },
  {
    name: 'sends what a later effect of its branch replaces',
    file: `${src}/search-document.ts`,
    from: 'last: effects.filter(isLast),',
    to: 'last: effects,',
    breaks: ['promise: the last write of a transaction counts'],
    tests: [`${onServer} > in opensearch a mapping that changes after the vote`],
  },
  {
    name: 'lets the server make an index anew',
    file: `${src}/search.ts`,
    from: 'await Promise.all(indexes.map((each) => this.#server.mustHave(each, this.#confirmTimeoutMs)));',
    to: '',
    breaks: ['promise: an index that is missing is waited for'],
    tests: [`${onServer} > in opensearch an index that is missing`],
  },
  {
    name: 'does not wait until what is newer is found',
    file: `${src}/search.ts`,
    from: "if (this.#refreshes && results.includes('newer-stands')) await this.#refresh(indexes);",
    to: '',
    breaks: ['promise: with refresh, applied means found'],
    tests: [`${onServer} > in opensearch a write that lost against a newer one`],
  },
  {
    name: 'does not try documents before the vote',
    file: `${src}/index-check.ts`,
    from: 'await this.#parse(effects);',
    to: '',
    breaks: ['rule 16'],
    tests: [`${onServer} > in opensearch what the mapping refuses is a no`],
  },
  {
    name: 'takes a blocked index for a refusal',
    file: `${src}/index-check.ts`,
    from: 'if (status !== 400 || /no write index/.test(reason)) return false;',
    to: 'if (status === 0) return false;\n  if (/cluster_block/.test(type)) return true;',
    breaks: ['rule 16'],
    tests: [`${onServer} > in opensearch a blocked index is a no`],
  },
  {
    name: 'tries for ever what the mapping refuses',
    file: `${src}/index-check.ts`,
    from: 'return !/shard|',
    to: 'return !/pars|shard|',
    breaks: ['rule 16'],
    tests: [`${onServer} > in opensearch a mapping that changes after the vote`],
  },
  {
    name: 'takes an index that may lose what it confirms',
    file: `${src}/index-check.ts`,
    from: "=== 'async' && !takesAsync",
    to: "=== 'async' && takesAsync",
    breaks: ['rule 16'],
    tests: [`${onServer} > in opensearch an index that may lose what it confirms`],
  },
];
