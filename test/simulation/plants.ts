/** A defect of the protocol that can be planted, to see that the simulation finds it. */
export interface Plant {
  readonly name: string;
  readonly about: string;
  readonly file: string;
  /** Text that stands in the file exactly once, and what the defect has instead. */
  readonly from: string;
  readonly to: string;
}

const coordinator = 'coordinator/src/';
const participant = 'participant-sdk/src/';

/** Defects of the kinds that have cost others data. Each is found within seconds. */
export const plants: readonly Plant[] = [
  {
    name: 'send-before-sync',
    about: 'the decision is told before the log has answered',
    file: `${coordinator}transactions.ts`,
    from: 'let seq = await this.#append(decisions.flatMap(({ records }) => records));',
    to: 'let seq: number | undefined = this.#options.log.tip().seq + 1; void this.#append(decisions.flatMap(({ records }) => records));',
  },
  {
    name: 'decide-early',
    about: 'the commit is decided one vote early',
    file: `${coordinator}protocol/decide.ts`,
    from: 'if (state.branches.some(isUnvoted)) return [];',
    to: 'if (state.branches.filter(isUnvoted).length > 1) return [];',
  },
  {
    name: 'presume-commit',
    about: 'a prepared branch that nobody knows is committed',
    file: `${coordinator}coordinator.ts`,
    from: "return wentBack && this.transactions.outcomes.isForgotten(birth) ? 'hazard' : 'abort';",
    to: "return wentBack && this.transactions.outcomes.isForgotten(birth) ? 'hazard' : 'commit';",
  },
  {
    name: 'forget-early',
    about: 'a decision is forgotten with the first acknowledgement',
    file: `${coordinator}protocol/decide-phase-two.ts`,
    from: 'state.branches.every((b) => b === branch || isOver(b))',
    to: 'state.branches.some((b) => b === branch || isOver(b))',
  },
  {
    name: 'deadline-while-deciding',
    about: 'the deadline aborts while the decision is with the log',
    file: `${coordinator}protocol/decide.ts`,
    from: "if (state.phase !== 'active' && state.phase !== 'preparing') return nothing;",
    to: "if (!['active', 'preparing', 'deciding'].includes(state.phase)) return nothing;",
  },
  {
    name: 'judge-the-living',
    about: 'a scan that finds a branch of a live transaction is told to roll it back',
    file: `${coordinator}protocol/answers.ts`,
    from: "    case 'delegating':\n    case 'delegated':\n      return 'wait';",
    to: "    case 'delegating':\n    case 'delegated':\n      return 'abort';",
  },
  {
    name: 'abort-alone-after-yes',
    about: 'a participant aborts alone after its yes, when its session breaks',
    file: `${participant}protocol/branch-decide.ts`,
    from: "    case 'working':\n    case 'ready': //",
    to: "    case 'prepared': return [{ kind: 'ordered', order: { kind: 'abort', receipt: '', prepared: true, asker: 'self' } }];\n    case 'working':\n    case 'ready': //",
  },
  {
    name: 'lost-at-home-is-abort',
    about: 'a commit at home whose answer is lost counts as rolled back',
    file: `${participant}protocol/branch-decide.ts`,
    from: "return [{ kind: 'ordered', order: { kind: 'settle', facts, asker: 'home' } }];",
    to: "return endAtHome({ result: facts.receipt === '' ? 'committed' : 'rolled-back' });",
  },
  {
    name: 'home-though-told',
    about: 'a transaction of which the coordinator was told is committed at home',
    file: `${participant}client/transaction.ts`,
    from: 'if (!untold || untold.isTold) {',
    to: 'if (!untold || (untold.isTold && untold.branches.length !== 1)) {',
  },
  {
    name: 'hazard-is-success',
    about: 'a branch that was not found counts as committed',
    file: `${coordinator}protocol/decide-phase-two.ts`,
    from: "  if (result.is !== 'committed') {\n    if (branch",
    to: '  if (false) {\n    if (branch',
  },
  {
    name: 'no-resend',
    about: 'nothing is sent again to who serves a resource manager anew',
    file: `${coordinator}sessions/peer-sessions.ts`,
    from: "    session.writer.add('served', { ref, rm });\n    void this.#coordinator.transactions.resending.resend(rm);",
    to: "    session.writer.add('served', { ref, rm });",
  },
  {
    name: 'effects-beside-natives',
    about: 'effects go out before the databases have committed',
    file: `${coordinator}protocol/step.ts`,
    from: 'if (!nativesOver(state)) return natives;',
    to: "if (!nativesOver(state)) return open.map((b) => message(b.kind === 'native' ? 'commit' : 'apply')(b));",
  },
  {
    name: 'forget-without-mark',
    about: 'outcomes are forgotten, and what is absent is aborted',
    file: `${coordinator}outcomes.ts`,
    from: 'return compareBirths(birth, this.#mark) <= 0;',
    to: 'return false && compareBirths(birth, this.#mark) <= 0;',
  },
  {
    name: 'trust-a-restored-log',
    about: 'a log restored from a backup is not noticed',
    file: `${coordinator}coordinator.ts`,
    from: 'if (seen.logId !== this.incarnation.logId || (await this.#log.holds(seen))) return;',
    to: 'if (seen.logId !== this.incarnation.logId || (await this.#log.holds(seen)) || true) return;',
  },
  {
    name: 'not-whole',
    about: 'a branch is prepared although a handler still works on it',
    file: `${participant}protocol/branch-decide.ts`,
    from: 'return input.obstacle ? refuse(input.obstacle, true, input.unasked) : [begun];',
    to: 'return [begun];',
  },
  {
    name: 'no-audit-row',
    about: 'what phase two finds ended by hand is not written down before it is told',
    file: `${participant}participant/branch-driver.ts`,
    from: 'if (deviates(order, attempted.result)) {',
    to: "if (deviates(order, attempted.result) && order.kind === 'settle') {",
  },
  {
    name: 'no-audit-scan',
    about: 'what people have written down is not compared with the log',
    file: `${participant}participant/in-doubt-scan.ts`,
    from: 'await this.#askAudited(found);',
    to: 'void this.#askAudited;',
  },
  {
    name: 'queue-failure-is-success',
    about: "a queue's write that failed counts as done",
    file: `${participant}sqlite-queue/queue-file.ts`,
    from: "      database.exec('COMMIT');\n      return results;",
    to: "      try { database.exec('COMMIT'); } catch { rollBack(database); }\n      return results;",
  },
  {
    name: 'judge-strangers',
    about: "another log's branches are judged",
    file: `${coordinator}coordinator.ts`,
    from: "if (logId !== this.incarnation.logId) return 'foreign';",
    to: "if (logId !== this.incarnation.logId) return 'abort';",
  },
];

/** @throws when there is none of this name. */
export function plantNamed(name: string): Plant {
  const plant = plants.find((one) => one.name === name);
  if (plant) return plant;
  throw new Error(`no plant ${name}; there are ${plants.map((one) => one.name).join(', ')}`);
}
