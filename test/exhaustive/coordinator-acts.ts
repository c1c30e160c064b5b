import { wordOn } from '../../coordinator/src/protocol/answers.ts';
import type { Input } from '../../coordinator/src/protocol/decide.ts';
import type { Resolution } from '../../coordinator/src/protocol/record.ts';
import { type Move, rmName, why as someReason } from './coordinator-cell.ts';
import { type Desk, type Slot, told } from './layout.ts';
import type { Down, Up } from './messages.ts';
import type { Site } from './variant.ts';
import type { World } from './world.ts';

/** The coordinator's driver: hands inputs to the core, appends, then sends. */
export class CoordinatorActs {
  readonly #world: World;
  readonly #deadline: number;
  readonly #commit: number;
  readonly #abort: number;
  readonly #inputs: number[][] = [];
  readonly #places: number[] = [];
  readonly #lost: number[] = [];
  readonly #messages: number[] = [];

  constructor(world: World) {
    this.#world = world;
    this.#deadline = this.#id({ kind: 'deadline' });
    this.#commit = this.#id({ kind: 'commit' });
    this.#abort = this.#id({ kind: 'abort', reason: someReason });
  }

  #id(input: Input): number {
    return this.#world.coordinator.inputs.id(input);
  }

  #recorded(index: number): number {
    const { coordinator } = this.#world;
    const at = coordinator.place(index);
    return (this.#places[at.seq] ??= this.#id({ kind: 'recorded', at }));
  }

  /** A message by what it says; each is looked up once. */
  #down(key: number, make: () => Down): number {
    return (this.#messages[key] ??= this.#world.down.id(make()));
  }

  /** One step of a transaction that is known; otherwise nothing. */
  #input(tx: number, input: number): Move | undefined {
    const world = this.#world;
    const words = world.txWords(tx);
    const before = world.at(words.tx);
    if (before === 0 || !world.isUp()) return undefined;
    const move = world.coordinator.step(before, input);
    world.s[words.tx] = move.tx;
    if (move.batch !== 0) this.#append(tx, move);
    if (move.sends !== 0) this.#send(move.sends);
    return move;
  }

  #append(tx: number, { batch, forced }: Move): void {
    const { s, coordinator, without, desk } = this.#world;
    s[desk.log] = coordinator.log.append(s[desk.log] as number, batch);
    const { records } = coordinator.log.batches.value(batch);
    const isPermission = records.some(({ kind }) => kind === 'delegated' || kind === 'last-asked');
    if (forced && isPermission && without === '6-fence') {
      this.#input(tx, this.#recorded(coordinator.log.length(s[desk.log] as number) - 1));
    }
  }

  #send(sends: number): void {
    const world = this.#world;
    for (const { site, message } of world.coordinator.route(sends, world.serving())) {
      world.sendDown(site, message);
    }
  }

  /** The log answers the oldest append for which somebody waits. */
  logAnswers(): boolean {
    const { s, coordinator, desk } = this.#world;
    const { log } = coordinator;
    const before = s[desk.log] as number;
    const index = log.unanswered(before);
    if (index < 0 || !this.#world.isUp()) return false;
    const { tx, records } = log.batchAt(before, index);
    s[desk.log] = log.answer(before, index);
    if (records.length === 0) this.#forgotten(tx);
    else {
      // As the driver does it: nothing that hangs on an operator's word is said before.
      const { resolving } = this.#world.txWords(tx);
      const isWord = records.some((record) => record.kind === 'resolved');
      const left = Math.max(0, this.#world.at(resolving) - (isWord ? 1 : 0));
      const isAnyEnough = this.#world.without === '13-append';
      if (this.#world.at(resolving) > 0) s[resolving] = isAnyEnough ? 0 : left;
      this.#input(tx, this.#recorded(index));
      for (const record of records)
        if (record.kind === 'resolved') this.#tellWord(tx, record.branch);
    }
    return true;
  }

  /** As the driver does it: who serves the resource manager shall write the word down. */
  #tellWord(tx: number, branch: number): void {
    const world = this.#world;
    const { sites } = world.variant;
    const { rm } = world.layout.slots.find((slot) => {
      return slot.tx === tx && world.at(slot.number) === branch;
    }) as Slot;
    const site = world.desk.sites.find((one) => {
      return sites[one]?.rm === rm && world.coordinatorHolds(one);
    });
    if (world.variant.audits && site !== undefined && this.#hasWord(tx, branch)) {
      this.#tellVerdict(site, { tx, branch }, 'late', false);
    }
  }

  #hasWord(tx: number, branch: number): boolean {
    const { coordinator, layout, s } = this.#world;
    const words = layout.txs[tx];
    if (!this.#world.variant.audits || words === undefined || s[words.resolving] !== 0)
      return false;
    const state = coordinator.tx(s[words.tx] as number);
    return state !== undefined && wordOn(state, branch) !== undefined;
  }

  /** Stops dead; of what the log had not confirmed, `landed` appends are on the disk. */
  crash(landed: number): boolean {
    const world = this.#world;
    const { s, coordinator, desk } = world;
    if (!world.isUp() || landed > coordinator.log.tail(s[desk.log] as number)) return false;
    if (!world.spend('crashes')) return false;
    if (world.without === '20-undetermined') this.#guessAborted();
    s[desk.log] = coordinator.log.crash(s[desk.log] as number, landed);
    s[desk.up] = 0;
    for (const index of desk.txs) {
      const { tx, resolving, reserved } = world.txWords(index);
      s[tx] = 0;
      if (world.variant.whole) s[reserved] = 0;
      if (s[resolving] !== 0) s[resolving] = 0;
    }
    for (const site of desk.sites) this.#dropSide(site);
    return true;
  }

  /** Without rule 20: an append that has not been confirmed has failed, so it is aborted. */
  #guessAborted(): void {
    const { s, coordinator, layout } = this.#world;
    for (const words of layout.txs) {
      const { phase } = coordinator.tx(s[words.tx] as number) ?? {};
      if (phase === 'deciding') s[words.told] = (s[words.told] as number) | told.aborted;
    }
  }

  restart(): boolean {
    const { s, coordinator, desk } = this.#world;
    if (s[desk.up] !== 0) return false;
    const { txs, mark } = coordinator.replay(s[desk.log] as number);
    for (const index of desk.txs) s[this.#world.txWords(index).tx] = txs[index] as number;
    s[desk.mark] = mark;
    s[desk.up] = 1;
    return true;
  }

  /** While it is down somebody puts back a backup of its log. */
  restoreLog(kept: number): boolean {
    const world = this.#world;
    const { s, coordinator, desk } = world;
    const log = s[desk.log] as number;
    if (s[desk.up] !== 0 || kept >= coordinator.log.length(log)) return false;
    // A silent restore shows only to who has seen the lost part: all here have.
    const isSeenByAll = world.layout.sites.every(({ seen }) => {
      return coordinator.log.length(world.at(seen)) > kept;
    });
    if (!isSeenByAll || !world.spend('restores')) return false;
    s[desk.log] = coordinator.log.restore(log, kept);
    return true;
  }

  deadline(tx: number): boolean {
    const before = this.#world.at(this.#world.txWords(tx).tx);
    const move = this.#input(tx, this.#deadline);
    return move !== undefined && move.tx !== before;
  }

  commitArrives(tx: number): boolean {
    const { s } = this.#world;
    const { client } = this.#world.txWords(tx);
    const calls = this.#world.variant.plans[tx]?.length ?? 0;
    // The client asks for the commit as soon as its last call is answered.
    if (s[client] !== calls || !this.#world.isUp()) return false;
    s[client] = calls + 1;
    this.#input(tx, this.#commit);
    return true;
  }

  resolve(tx: number, branch: number, resolution: Resolution): boolean {
    const world = this.#world;
    if (world.left('resolutions') === 0) return false;
    // Who was told an outcome would complain: an operator does not speak against it.
    const answers = world.at(world.txWords(tx).told);
    if (resolution === 'committed' && (answers & told.aborted) !== 0) return false;
    if (resolution === 'rolled-back' && (answers & told.committed) !== 0) return false;
    const audit = { reason: 'looked into it', operator: 'ann', at: '2026-01-01T00:00:00Z' };
    const move = this.#input(tx, this.#id({ kind: 'resolve', branch, resolution, ...audit }));
    if (move === undefined || move.batch === 0) return false;
    const { resolving } = world.txWords(tx);
    if (world.without !== '13-word') world.s[resolving] = world.at(resolving) + 1;
    return world.spend('resolutions');
  }

  /** The retention of an ended transaction is over: its mark goes to the log. */
  forget(tx: number): boolean {
    const world = this.#world;
    const { s, coordinator, desk } = world;
    const words = world.txWords(tx);
    const { phase } = coordinator.tx(world.at(words.tx)) ?? {};
    const isIdle = coordinator.log.unanswered(s[desk.log] as number) < 0;
    if (!world.isUp() || phase !== 'committed' || !isIdle) return false;
    if (world.without === '7-mark') {
      s[words.tx] = 0;
      s[desk.log] = coordinator.log.compact(s[desk.log] as number, tx);
      return true;
    }
    const mark = coordinator.log.batches.id({ tx, records: [], forced: true, epoch: 0 });
    s[desk.log] = coordinator.log.append(s[desk.log] as number, mark);
    return true;
  }

  #forgotten(tx: number): void {
    const { s, coordinator, desk } = this.#world;
    s[desk.mark] = Math.max(s[desk.mark] as number, tx + 1);
    s[this.#world.txWords(tx).tx] = 0;
    s[desk.log] = coordinator.log.compact(s[desk.log] as number, tx);
  }

  /** Says again what a resource manager owes. */
  resend(rm: number): void {
    const world = this.#world;
    if (!world.isUp() || world.without === '10-resend') return;
    for (const index of world.desk.txs) {
      const id = world.at(world.txWords(index).tx);
      const sends = id === 0 ? 0 : world.coordinator.owed(id, rm);
      if (sends !== 0) this.#send(sends);
    }
  }

  /** A new stream: hello, served, and what is owed. */
  connect(site: number): boolean {
    const world = this.#world;
    const { s, layout, desk } = world;
    const { session, seen, up, down } = world.site(site);
    if (!world.isUp() || (world.at(session) & 3) !== 0) return false;
    s[up] = 0;
    s[down] = 0;
    const { log } = world.coordinator;
    if (world.without !== '17-position' && !log.holds(s[desk.log] as number, world.at(seen))) {
      // The log was restored from a backup: it stops for good, and answers nobody.
      s[desk.up] = 2;
      for (const tx of desk.txs) s[world.txWords(tx).tx] = 0;
      for (const other of desk.sites) this.#dropSide(other);
      return true;
    }
    s[session] = ((world.generation(site) + 1) << 2) | 3;
    world.sendDown(
      site,
      this.#down(0, () => ({ kind: 'served' })),
    );
    this.resend(layout.slots.length > 0 ? (world.variant.sites[site]?.rm ?? 0) : 0);
    return true;
  }

  /** The coordinator's side of a session breaks. */
  lose(site: number): boolean {
    const world = this.#world;
    if (!world.isUp() || !world.coordinatorHolds(site)) return false;
    const session = world.sessionOf(site);
    this.#dropSide(site);
    const input = (this.#lost[session] ??= this.#id({
      kind: 'session-lost',
      session,
      owned: false,
    }));
    for (const tx of world.desk.txs) {
      this.#voidGid(tx, site);
      this.#input(tx, input);
    }
    this.resend(world.variant.sites[site]?.rm ?? 0);
    return true;
  }

  /** What a session has not told of dies with it, for ever. */
  #voidGid(tx: number, site: number): void {
    const world = this.#world;
    const isItsOwn = world.variant.whole && world.variant.plans[tx]?.[0] === site;
    if (isItsOwn && world.without !== '1-void') world.s[world.txWords(tx).reserved] = 0;
  }

  #dropSide(site: number): void {
    const { s } = this.#world;
    const { session, up, down } = this.#world.site(site);
    s[session] = (s[session] as number) & ~1;
    s[up] = 0;
    if (this.#world.at(session) % 4 === 0) s[down] = 0;
  }

  /** Takes the oldest message of a session. */
  deliver(site: number): boolean {
    const world = this.#world;
    const { up } = world.site(site);
    const queue = world.at(up);
    if (queue === 0 || !world.isUp() || !world.coordinatorHolds(site)) return false;
    const id = world.up.first(queue);
    world.s[up] = world.up.pop(queue);
    const message = world.up.message(id);
    switch (message.kind) {
      case 'enlist':
        this.#enlist(site, message.slot, id);
        return true;
      case 'whole':
        this.#whole(site, message, id);
        return true;
      case 'abort-untold':
        if (this.#bear(message.tx)) this.#input(message.tx, this.#abort);
        return true;
      case 'vote':
        this.#vote(site, message, id);
        return true;
      case 'result': {
        if (!world.isOwn(message.tx)) return true;
        const input = this.#cached(id, 0, () => {
          return { kind: 'result', branch: message.branch, result: message.result };
        });
        if (!this.#strayResult(site, message)) this.#input(message.tx, input);
        return true;
      }
      case 'in-doubt':
        this.#inDoubt(site, message);
        return true;
    }
  }

  /** As the driver does it: an answer for what was presumed aborted is kept for an operator. */
  #strayResult(site: number, { tx, branch, result }: Up & { kind: 'result' }): boolean {
    const world = this.#world;
    const { tx: offset } = world.txWords(tx);
    const id = world.at(offset);
    const isKnown = world.coordinator.tx(id)?.branches.some((b) => b.branch === branch) === true;
    if (isKnown) return false;
    const isPresumed = this.#answer(world.desk, id, tx) === told.aborted;
    const { is } = result;
    if (!isPresumed || is === 'rolled-back' || is === 'pending') return true;
    const { rm, kind } = world.variant.sites[site] as Site;
    const stray = { branch, rm: rmName(rm), kind, incarnation: 'i1' };
    const move = world.coordinator.adopt(id, tx, stray, result);
    world.s[offset] = move.tx;
    this.#append(tx, move);
    return true;
  }

  #cached(message: number, session: number, make: () => Input): number {
    const row = (this.#inputs[message] ??= []);
    return (row[session] ??= this.#id(make()));
  }

  #enlist(site: number, index: number, id: number): void {
    const world = this.#world;
    const { s } = world;
    const slot = world.slot(index);
    const words = world.txWords(slot.tx);
    if (s[words.tx] === 0 && world.without === '1-begin') {
      s[words.tx] = world.coordinator.begun(slot.tx);
    }
    const session = world.sessionOf(site);
    const before = s[words.tx];
    const input = this.#cached(id, session, () => this.#enlistInput(site, slot.rm, session));
    this.#input(slot.tx, input);
    const isIn = s[words.tx] !== before;
    if (isIn) {
      const state = world.coordinator.tx(s[words.tx] as number);
      s[slot.number] = state?.branches.length ?? 0;
    }
    const key = 1 + index * 2 + (isIn ? 1 : 0);
    const answer = this.#down(key, () => ({ kind: isIn ? 'enlisted' : 'refused', slot: index }));
    world.sendDown(site, answer);
  }

  #enlistInput(site: number, rm: number, session: number): Input {
    const { kind, canOnePhase } = this.#world.variant.sites[site] as Site;
    const branch = {
      ...{ rm: rmName(rm), kind, canOnePhase, session, state: { is: 'working' } as const },
      ...{ work: new Uint8Array(), receipt: '', redo: new Uint8Array(), incarnation: '' },
    };
    return { kind: 'enlist', branch, maxBranches: 64 };
  }

  /** A gid that its session has not told of yet is used up. */
  #bear(tx: number): boolean {
    const world = this.#world;
    const words = world.txWords(tx);
    if (world.at(words.reserved) !== 1) return false;
    world.s[words.reserved] = 0;
    world.s[words.tx] = world.coordinator.begun(tx);
    return true;
  }

  #whole(site: number, message: Up & { kind: 'whole' }, id: number): void {
    const world = this.#world;
    if (!this.#bear(message.tx)) return;
    const session = world.sessionOf(site);
    const input = this.#cached(id, session, () => ({
      kind: 'whole',
      maxBranches: 64,
      branches: message.branches.map(({ rm, incarnation, vote }) => {
        const enlist = this.#enlistInput(site, rm, session) as Input & { kind: 'enlist' };
        return { branch: enlist.branch, incarnation, vote };
      }),
    }));
    this.#input(message.tx, input);
  }

  /** Over a limit: the gid is used up, and the process hears that nothing will come of it. */
  refuseWhole(site: number): boolean {
    const world = this.#world;
    const { up } = world.site(site);
    const queue = world.at(up);
    if (queue === 0 || !world.isUp() || !world.coordinatorHolds(site)) return false;
    const message = world.up.message(world.up.first(queue));
    if (message.kind !== 'whole') return false;
    world.s[up] = world.up.pop(queue);
    world.s[world.txWords(message.tx).reserved] = 0;
    world.sendDown(site, world.down.id({ kind: 'whole-refused', tx: message.tx }));
    return true;
  }

  #vote(site: number, message: Up & { kind: 'vote' }, id: number): void {
    const world = this.#world;
    const { tx, branch, incarnation, vote } = message;
    const session = world.sessionOf(site);
    const input = this.#cached(id, session, () => {
      return { kind: 'vote', branch, session, incarnation, vote };
    });
    this.#input(tx, input);
    const state = world.coordinator.tx(world.at(world.txWords(tx).tx));
    const isLate = state === undefined || state.phase === 'aborted';
    // A yes that comes too late holds locks: it hears its verdict at once.
    if (isLate && vote.is === 'yes') this.#tellVerdict(site, message, 'late', false);
  }

  #inDoubt(site: number, message: Up & { kind: 'in-doubt' }): void {
    const world = this.#world;
    const { tx, branch, foreign, wentBack, audited } = message;
    if (foreign && world.without !== '19-log-id') {
      const answer = { verdict: 'foreign', asked: true, audited: false, word: false } as const;
      world.sendDown(site, world.down.id({ kind: 'verdict', tx, branch, ...answer }));
      return;
    }
    if (world.without === '3-hello' && !foreign) {
      const vote = { is: 'yes', receipt: '', redo: new Uint8Array() } as const;
      const session = world.sessionOf(site);
      this.#input(tx, this.#id({ kind: 'vote', branch, session, incarnation: 'i1', vote }));
    }
    this.#tellVerdict(site, { tx, branch }, audited ? 'audited' : 'asked', wentBack);
  }

  #tellVerdict(
    site: number,
    { tx, branch }: { tx: number; branch: number },
    why: 'asked' | 'audited' | 'late',
    wentBack: boolean,
  ): void {
    const world = this.#world;
    const verdict = this.#verdict(tx, branch, wentBack);
    const number = ['commit', 'abort', 'wait', 'hazard', 'foreign'].indexOf(verdict);
    const [asked, audited] = [why === 'asked', why === 'audited'];
    const word = this.#hasWord(tx, branch);
    const bits = (asked ? 1 : 0) | (audited ? 2 : 0) | (word ? 4 : 0);
    const key = 64 + (((tx * 16 + branch) * 8 + number) * 8 + bits);
    const answer = this.#down(key, () => {
      return { kind: 'verdict', tx, branch, verdict, asked, audited, word };
    });
    world.sendDown(site, answer);
  }

  /** As `Coordinator.verdict` does it. */
  #verdict(tx: number, branch: number, wentBack: boolean) {
    const world = this.#world;
    const { coordinator, without } = world;
    const words = world.txWords(tx);
    const id = world.isOwn(tx) ? world.at(words.tx) : 0;
    if (id !== 0) {
      return world.at(words.resolving) !== 0 ? 'wait' : coordinator.verdict(id, branch);
    }
    if (without === '8-orphan') return 'wait';
    // It may live at the session that was given its gid.
    const isReserved = world.variant.whole && world.at(words.reserved) === 1;
    if (isReserved && without !== '1-reserved') return 'wait';
    const isForgotten = tx + 1 <= world.at(world.desk.mark);
    return wentBack && without !== '8-incarnation' && isForgotten ? 'hazard' : 'abort';
  }

  /**
   * What anybody who asks now would hear, who asks at every moment: more can't be told. As
   * `Coordinator.outcome` does it.
   */
  noteAnswers(): void {
    const world = this.#world;
    const { s, layout } = world;
    for (const desk of layout.desks) {
      if (s[desk.up] !== 1) continue;
      for (const index of desk.txs) {
        // Of a transaction that is committed at home nobody else has the gid.
        if (world.variant.atHome && world.without !== '1-home' && !this.#isSeen(index)) continue;
        const words = world.txWords(index);
        const id = world.at(words.tx);
        s[words.told] = world.at(words.told) | this.#answer(desk, id, index);
      }
    }
  }

  /** The client has told of it or given it up, so that others may have its gid. */
  #isSeen(tx: number): boolean {
    const world = this.#world;
    const calls = world.variant.plans[tx]?.length ?? 0;
    return world.at(world.txWords(tx).client) === calls + 2;
  }

  #answer(desk: Desk, id: number, index: number): number {
    const world = this.#world;
    if (id !== 0) {
      const { resolving } = world.txWords(index);
      return world.at(resolving) === 0 ? world.coordinator.answerBits(id) : 0;
    }
    const { reserved } = world.txWords(index);
    if (world.variant.whole && world.at(reserved) === 1) return 0;
    if (index + 1 <= world.at(desk.mark)) return told.expired;
    // A silent restore shows only when a participant says hello; before that a client may be misled.
    const isRestored = world.variant.restored === 'log' && world.left('restores') === 0;
    return isRestored ? 0 : told.aborted;
  }
}
