import type { Mutant } from './mutant.ts';

const log = 'test/properties/log.test.ts';
const session = 'test/properties/session.test.ts';
const branches = 'test/properties/branch.test.ts';
const postgres = 'participant-sdk/src/postgres';
const src = 'coordinator/src/log';
const protocol = 'coordinator/src/protocol';

/** A defect that one rule of a layer finds, and no other. */
const rule = (file: string, name: string) => {
  return { tests: [`${file} > ${name}`], alone: true, breaks: [`promise: ${name}`] } as const;
};

/** Of each rule of the log one that it alone finds. */
const ofLog: readonly Mutant[] = [
  {
    name: 'holds a position although its chain is another',
    file: `${src}/sqlite/log-store.ts`,
    from: "return position.chain === '' || frame.chain === position.chain;",
    to: 'return frame.seq === position.seq;',
    ...rule(log, 'AC1, agreement'),
  },
  {
    name: 'changes what it carries through a compaction',
    file: `${src}/sqlite/log-store.ts`,
    from: '} else carried.push(frame);',
    to: "} else carried.push({ ...frame, payload: frame.payload.replace('7123-1', '7123-2') });",
    ...rule(log, 'AC2, irrevocable'),
  },
  {
    name: 'writes the first record of an append by itself',
    file: `${src}/sqlite/log-engine.ts`,
    from: `this.#reached('append.before-write');
      const seq = store.append(waiting.flatMap(unpackLines));`,
    to: `const [head, ...rest] = waiting.flatMap(unpackLines);
      const seq = store.append(head ? [head] : []);
      this.#reached('append.before-write');
      if (rest.length > 0) store.append(rest);`,
    ...rule(log, 'AC3, only what was asked for'),
  },
  {
    name: 'refuses an append of several records',
    file: `${src}/sqlite/sqlite-decision-log.ts`,
    from: 'if (records.length === 0) throw new',
    to: 'if (records.length !== 1 && records.length !== 2) throw new',
    ...rule(log, 'AC4, with no failure'),
  },
  {
    name: 'leaves without an answer who waits for an append that failed',
    file: `${src}/sqlite/sqlite-decision-log.ts`,
    from: 'const waiting = [...calls, ...this.#requests.values()];',
    to: 'const waiting = [...calls.slice(calls.length), ...this.#requests.values()];',
    ...rule(log, 'AC5, termination'),
  },
  {
    name: 'drops what has not ended, when the mark is above it',
    file: `${src}/retention.ts`,
    from: 'if (!seen?.ended) return false;',
    to: '',
    ...rule(log, 'durability'),
  },
  {
    name: 'drops the mark behind which it has forgotten',
    file: `${src}/retention.ts`,
    from: 'return key.through === undefined || compareBirths(key.through, retention.through) === 0;',
    to: 'return key.through === undefined;',
    ...rule(log, 'no resurrection'),
  },
  {
    name: 'drops the records of heuristics',
    file: `${src}/retention.ts`,
    from: 'if (key.gid !== undefined) return !isForgotten(retention, retention.transactions.get(key.gid));',
    to: `if (key.kind === 'heuristic') return false;
  if (key.gid !== undefined) return !isForgotten(retention, retention.transactions.get(key.gid));`,
    ...rule(log, 'no lost heuristic'),
  },
  {
    name: 'writes lazy records twice',
    file: `${src}/sqlite/sqlite-decision-log.ts`,
    from: 'this.#calls.push({ lines: records.map(toLine), resolve: () => {}, reject: () => {} });',
    to: `const twice = [...records, ...records].map(toLine);
    this.#calls.push({ lines: twice, resolve: () => {}, reject: () => {} });`,
    ...rule(log, 'at most once'),
  },
  {
    name: 'gives out the place of a copy instead of the first one',
    file: `${src}/sqlite/start-log.ts`,
    from: '({ kind, payload, redo, origin }: ReadFrame): KeptRecord {\n  return { kind, payload, redo, origin };',
    to: '({ kind, payload, redo, epoch, seq }: ReadFrame): KeptRecord {\n  return { kind, payload, redo, origin: { epoch, seq } };',
    ...rule(log, 'stable ids'),
  },
];

/** Of each rule of the sessions one that it alone finds. */
const ofSessions: readonly Mutant[] = [
  {
    name: 'rolls a branch back, and says committed',
    file: 'participant-sdk/src/participant/branch-driver.ts',
    from: 'return this.#ports.resource.commit(this.id, decidedOf(order.facts));',
    to: `const { resource } = this.#ports;
    if (this.id.rm !== 'orders-db') return resource.commit(this.id, decidedOf(order.facts));
    const undone = resource.abort(this.id, order.facts.receipt);
    return undone.then(() => ({ result: 'committed' }) as const);`,
    ...rule(session, 'AC1, agreement'),
  },
  {
    name: 'answers aborted, after a restart, for some of what has ended',
    file: `${protocol}/answers.ts`,
    from: "return { is: 'committed', applied: true };",
    to: `const isOld = state.branches.every((b) => b.session === 0) && state.branches.length === 2;
      return { is: isOld ? 'aborted' : 'committed', applied: true };`,
    ...rule(session, 'AC2, irrevocable'),
  },
  {
    name: 'counts a no as a yes',
    file: `${protocol}/decide.ts`,
    from: 'const after = evolve(state, event);\n  if (vote.is',
    to: `const counted = { ...event, state: { is: vote.is === 'no' ? 'yes' : vote.is }, incarnation };
  const after = evolve(state, counted as TransactionEvent);
  if (vote.is === 'no') {
    return { events: [counted as TransactionEvent, ...decideWhenAllVoted(after)] };
  }
  if (vote.is`,
    ...rule(session, 'AC3, only if all voted yes'),
  },
  {
    name: 'aborts who is ready for one phase',
    file: `${protocol}/decide.ts`,
    from: "if ((is === 'ready') === isReceiptAsked) return undefined;",
    to: "if (is === 'yes' || !isReceiptAsked) return undefined;",
    ...rule(session, 'AC4, with no failure'),
  },
  {
    name: 'says rolled back, and leaves it prepared',
    file: 'participant-sdk/src/participant/branch-driver.ts',
    from: 'return resource.abort(this.id, order.receipt);',
    to: "return { result: 'rolled-back' };",
    ...rule(session, 'AC5, termination'),
  },
  {
    name: 'forgets with a restart what has ended',
    file: 'coordinator/src/transactions.ts',
    from: 'const known = this.#entries.get(record.gid);\n    let',
    to: `if (record.kind === 'ended') {
      this.#entries.delete(record.gid);
      const [, epoch, counter] = record.gid.split('-').map(Number);
      this.outcomes.markForgotten({ epoch, counter });
      return;
    }
    const known = this.#entries.get(record.gid);
    let`,
    ...rule(session, 'durability'),
  },
  {
    name: 'answers aborted for the youngest of what it has forgotten',
    file: 'coordinator/src/outcomes.ts',
    from: 'return compareBirths(birth, this.#mark) <= 0;',
    to: 'return compareBirths(birth, this.#mark) < 0;',
    ...rule(session, 'no resurrection'),
  },
  {
    name: 'shows after a restart no branch that did not follow',
    file: 'coordinator/src/views.ts',
    from: "if (b.is !== 'heuristic') continue;",
    to: "if (b.is !== 'heuristic' || state.branches.every((one) => one.session === 0)) continue;",
    ...rule(session, 'no lost heuristic'),
  },
  {
    name: 'commits twice in one phase',
    file: 'participant-sdk/src/participant/branch-driver.ts',
    from: 'const result = await open.commitOnePhase();',
    to: `await open.commitOnePhase();
      const result = await open.commitOnePhase();`,
    ...rule(session, 'at most once'),
  },
  {
    name: 'makes up the id of an effect as it sends it',
    file: 'participant-sdk/src/logged/effect.ts',
    from: 'id: `${gid}/${branch.branch}/${index}`',
    to: 'id: `${gid}/${branch.branch}/${index}/${Math.random()}`',
    ...rule(session, 'stable ids'),
  },
];

/** Of each rule of Postgres branches one that it alone finds. */
const ofPostgres: readonly Mutant[] = [
  {
    name: 'commits what it shall abort',
    file: `${postgres}/phase-two.ts`,
    from: "if (await finish(ending, branch, 'ROLLBACK')) return",
    to: "if (await finish(ending, branch, 'COMMIT')) return",
    ...rule(branches, 'AC1, agreement'),
  },
  {
    name: 'knows of no commit when it is asked again',
    file: `${postgres}/phase-two.ts`,
    from: "if (settled.result !== 'rolled-back') return settled;",
    to: "if (settled.result !== 'rolled-back') return { result: 'unknown', reason: reason('heuristic', '') };",
    ...rule(branches, 'AC2, irrevocable'),
  },
  {
    name: 'runs statements after the vote',
    file: `${postgres}/branch-work.ts`,
    from: 'if (this.#isClosed) {',
    to: 'if (this.#isClosed && this.#failure) {',
    ...rule(branches, 'AC3, only if it voted yes'),
  },
  {
    name: 'votes no for a branch with a savepoint',
    file: 'participant-sdk/src/sql/inner-transactions.ts',
    from: 'return this.#stack.some((inner) => inner.isBegun && !inner.isEnded);',
    to: 'return this.#stack.length > 0;',
    ...rule(branches, 'AC4, with no failure'),
  },
  {
    name: 'takes a commit of one phase for one in progress, for ever',
    file: `${postgres}/settle.ts`,
    from: ": { result: 'committed' };",
    to: ": { result: receipt.crashMark === undefined ? 'committed' : 'in-progress' };",
    ...rule(branches, 'AC5, termination'),
  },
  {
    name: 'does not wait for the disk with a commit of one phase',
    file: `${postgres}/vote-state.ts`,
    from: "ELSE 'on' END, true),",
    to: "ELSE 'off' END, true),",
    ...rule(branches, 'durability'),
  },
  {
    name: 'takes an id that a crash gave to another for its own',
    file: `${postgres}/settle.ts`,
    from: 'return mayBeReused(receipt, server)\n',
    to: "return server.crashMark === '-'\n",
    ...rule(branches, 'no resurrection'),
  },
  {
    name: 'says rolled back of what somebody has committed',
    file: `${postgres}/phase-two.ts`,
    from: "return receipt === '' ? { result: 'rolled-back' } : settleFinished(ending.pool, branch, receipt);",
    to: "return receipt ? { result: 'rolled-back' } : { result: 'rolled-back' };",
    ...rule(branches, 'no lost heuristic'),
  },
  {
    name: 'runs each statement twice',
    file: `${postgres}/branch-transaction.ts`,
    from: 'return asked ?? statement.run(connection, run.ended);',
    to: `const again = () => statement.run(connection, run.ended);
    return asked ?? again().then(again);`,
    ...rule(branches, 'at most once'),
  },
  {
    name: 'finds branches by ids that nobody gave them',
    file: `${postgres}/phase-two.ts`,
    from: '.filter((branch) => branch.rm === rm);',
    to: '.filter((b) => b.rm === rm)\n    .map((b) => ({ ...b, branch: b.branch + 1 }));',
    ...rule(branches, 'stable ids'),
  },
];

/** Defects each of which turns one rule of one layer red, see test/properties. */
export const rules: readonly Mutant[] = [...ofLog, ...ofSessions, ...ofPostgres];
