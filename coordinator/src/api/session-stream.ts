import type { ServerDuplexStream } from '@grpc/grpc-js';
import { type CoordinatorFrame, failpoint, type PeerFrame, takeInTurns } from '@unanimous/proto';
import { toServiceError, UnanimousError } from '@unanimous/proto';
import type { Coordinator } from '../coordinator.ts';
import type { Logger } from '../log-events.ts';
import type { Session, SessionSink } from '../sessions/session.ts';
import type { World } from '../world.ts';
import { logDefect } from './methods.ts';
import { resetStream } from './reset-stream.ts';

/** The server's end of one peer's stream. */
export type SessionCall = ServerDuplexStream<PeerFrame, CoordinatorFrame>;

/** How patient a session stream is. */
export interface SessionPatience {
  /** Longest wait for the hello, in milliseconds. */
  readonly helloMs: number;
  /** Longest time in which a peer reads nothing although something waits, in milliseconds. */
  readonly slowReaderMs: number;
  /** How long a stream that we have ended may take to be read to its end, in milliseconds. */
  readonly endMs: number;
}

const patient: SessionPatience = { helloMs: 5_000, slowReaderMs: 10_000, endMs: 2_000 };

/** What a session stream needs. */
export interface SessionStreamOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly patience?: SessionPatience;
}

/**
 * Frames that may be on their way to the network; a frame is 512 KiB at most, or one large message.
 * What comes after them gathers in the session's writer, which bounds it.
 */
const maxUnflushedFrames = 4;

/** Ties a peer's gRPC stream to a session: frames in, frames out, and the end of either. */
export class SessionStream implements SessionSink {
  readonly #call: SessionCall;
  readonly #options: SessionStreamOptions;
  readonly #patience: SessionPatience;
  #session: Session | undefined;
  #unflushedFrames = 0;
  #held = false;
  #cancelTimer = noTimer;

  constructor(call: SessionCall, options: SessionStreamOptions) {
    this.#call = call;
    this.#options = options;
    this.#patience = options.patience ?? patient;
  }

  /** Opens the session and follows the stream from then on. */
  open(coordinator: Coordinator): void {
    const session = coordinator.openSession(this);
    if (session.isOver) return;
    this.#session = session;
    const { helloMs } = this.#patience;
    this.#within(helloMs, () => {
      if (session.introduction) return;
      const message = `hello: did not come within ${helloMs} ms`;
      session.end(new UnanimousError('invalid-argument', message));
    });
    const call = this.#call;
    const takeRest = takeInTurns(call, (frame: PeerFrame) => this.#receive(session, frame));
    const lost = (): void => {
      if (session.isOver) return;
      takeRest(); // what has come counts, however the stream ends
      this.#lost(session);
    };
    for (const end of ['end', 'cancelled', 'error'] as const) call.on(end, lost);
    call.on('close', () => {
      lost();
      this.#cancelTimer();
    });
  }

  /** See SessionSink. False once some frames wait for the network. */
  write(frame: CoordinatorFrame): boolean {
    this.#unflushedFrames += 1;
    this.#call.write(frame, () => {
      hasLeft(frame);
      this.#flushed();
    });
    if (this.#unflushedFrames < maxUnflushedFrames) return true;
    this.#held = true;
    const { slowReaderMs } = this.#patience;
    this.#within(slowReaderMs, () => {
      const message = `a peer has read nothing for ${slowReaderMs} ms`;
      this.#session?.end(new UnanimousError('overloaded', message));
    });
    return false;
  }

  /** See SessionSink. */
  end(error?: UnanimousError): void {
    const call = this.#call;
    if (call.cancelled || call.destroyed) return;
    // A peer that does not read never sees the end, and would keep what waits for it.
    this.#within(this.#patience.endMs, () => resetStream(call));
    if (error) call.emit('error', toServiceError(error));
    else call.end();
  }

  #flushed(): void {
    this.#unflushedFrames -= 1;
    if (!this.#held || !this.#session || this.#session.isOver) return;
    this.#held = false;
    this.#cancelTimer();
    this.#session.drained();
  }

  /** A defect that one peer's frame has found ends that peer's session, not the coordinator. */
  #receive(session: Session, frame: PeerFrame): void {
    try {
      session.receive(frame);
    } catch (error) {
      logDefect(this.#options.logger, error);
      session.end(UnanimousError.from(error));
    }
  }

  #lost(session: Session): void {
    if (session.isOver) return;
    session.lost();
    this.end();
  }

  /** One timer at a time: the hello's, the slow reader's, or the end's. */
  #within(timeMs: number, action: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.world.after(timeMs, () => {
      this.#cancelTimer = noTimer; // an idle session need not keep it
      action();
    });
  }
}

function noTimer(): void {}

/** Behind the write: of a frame that still waits in this process a kill would leave nothing. */
function hasLeft({ commits, prepares, aborts, outcomes }: CoordinatorFrame): void {
  if (prepares[0]) failpoint('c.prepare.sent', prepares[0].rm);
  if (commits[0]) failpoint('c.commit.sent', commits[0].rm, commits[0].kind);
  if (aborts[0]) failpoint('c.abort.sent', aborts[0].rm);
  if (outcomes.length === 0) return;
  const isCommitted = outcomes.some(({ kind }) => kind === 'OUTCOME_COMMITTED');
  failpoint('c.outcome.sent', isCommitted ? 'OUTCOME_COMMITTED' : outcomes[0]?.kind);
}
