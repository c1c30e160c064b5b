import type { Mutant } from './mutant.ts';

const src = 'participant-sdk/src/mysql';
const tests = 'test/participant-sdk/mysql';
const vote = `${tests}/vote.test.ts`;
const phaseTwo = `${tests}/phase-two.test.ts`;
const crash = `${tests}/crash.test.ts`;

/** Spoils MariaDB's and MySQL's resource. */
export const mysql: readonly Mutant[] = [
  {
    name: 'gives a prepared connection back to its pool',
    file: `${src}/branch.ts`,
    from: 'phaseTwo.held.hold(id, connection);',
    to: 'connection.free();',
    breaks: ['scenario 4'],
    tests: [`${crash} > without a binary log or a connection dies a pool that resets`],
  },
  {
    name: 'takes the OK of XA COMMIT for a commit',
    file: `${src}/phase-two.ts`,
    from: '  const settled = await settleFinished(phaseTwo.pool, branch, receipt);\n  if',
    to: "  if (wasThere) return { result: 'committed' };\n  const settled = await settleFinished(phaseTwo.pool, branch, receipt);\n  if",
    breaks: ['rule 11'],
    tests: [`${phaseTwo} > an OK is no acknowledgement`],
  },
  {
    name: 'takes XAER_NOTA for gone while the session that prepared is there',
    file: `${src}/phase-two.ts`,
    from: 'if (!isListed) return false;',
    to: 'if (isListed || !isListed) return false;',
    breaks: ['scenario 4'],
    tests: [`${phaseTwo} > XAER_NOTA while`],
  },
  {
    name: 'keeps a prepared connection for ever',
    file: `${src}/held-branches.ts`,
    from: 'const heldMs = 1_000;',
    to: 'const heldMs = 1_000_000;',
    breaks: ['scenario 4'],
    tests: [`${phaseTwo} > after a second without`],
  },
  {
    name: 'takes a deleted receipt for a rollback',
    file: `${src}/settle.ts`,
    from: 'if (await isPruned(pool, id))',
    to: 'if (id.branch === 0)',
    breaks: ['rule 11'],
    tests: [`${phaseTwo} > receipts go when`],
  },
  {
    name: 'deletes receipts by age alone',
    file: `${src}/receipt-sweep.ts`,
    from: 'if (listed.afterSeq === undefined || lowWaterSeq < listed.afterSeq) return;',
    to: '',
    breaks: ['rule 11'],
    tests: [`${phaseTwo} > receipts go when`],
  },
  {
    name: 'scans the branches of every database of the server',
    file: `${src}/phase-two.ts`,
    from: 'id.incarnation.startsWith(`${identity.id}-`)',
    to: "id.incarnation !== ''",
    breaks: ['scenario 20'],
    tests: [`${phaseTwo} > a scan finds`],
  },
  {
    name: 'votes read-only by the first words of the statements',
    file: `${src}/branch-transaction.ts`,
    from: 'return (await readWriteCount(connection)) !== this.#writesBefore;',
    to: 'return false;',
    breaks: ['rule 12'],
    tests: [`${vote} > not read-only: a function`],
  },
  {
    name: 'votes for what no rollback takes back',
    file: `${src}/branch.ts`,
    from: 'if (await hasChangedForGood(connection)) throw this.#changedForGood();',
    to: '',
    breaks: ['promise: a write without transactions is refused'],
    tests: [`${vote} > no: a table of MyISAM`],
  },
  {
    name: 'goes on after the server has rolled back',
    file: `${src}/branch-work.ts`,
    from: '} else if (endsTransaction(error, rollsBackOnTimeout)) {',
    to: '} else if (endsTransaction(error, rollsBackOnTimeout) && text === "") {',
    breaks: ['rule 2'],
    tests: [`${vote} > no: the loser of a deadlock`],
  },
  {
    name: 'rolls back what it has prepared',
    file: `${src}/branch.ts`,
    from: 'if (this.#isPrepared) return; // from now on phase two alone may end it',
    to: '',
    breaks: ['rule 3'],
    tests: [`${vote} > a yes stands`],
  },
];
