import {
  boundsOfCoordinatorFrame,
  type CoordinatorFrame,
  FrameWriter,
  newCoordinatorFrame,
} from '@unanimous/proto';
import { type Hello, type LogPosition, type PeerFrame, UnanimousError } from '@unanimous/proto';

/** Where a session's frames go: a gRPC stream, or the same process. */
export interface SessionSink {
  /** Takes a frame. False: taken, but the peer is slow; call `drained` when it reads again. */
  write(frame: CoordinatorFrame): boolean;
  /** Ends the stream, with an error or in peace. */
  end(error?: UnanimousError): void;
}

/** What a session does with what it is told; the coordinator. */
export interface SessionHandler {
  /** Welcomes or refuses; a promise when that must wait. */
  hello(session: Session, hello: Hello): Promise<void> | undefined;
  frame(session: Session, frame: PeerFrame): void;
  lost(session: Session): void;
  tip(): LogPosition;
  tooSlow(session: Session): UnanimousError;
  /** Runs `action` at the end of this turn of the event loop. */
  soon(action: () => void): void;
}

/** One peer's stream, from its hello to its end. Frames in both directions are batches. */
export class Session {
  readonly number: number;
  readonly writer: FrameWriter<CoordinatorFrame>;
  readonly #sink: SessionSink;
  readonly #handler: SessionHandler;
  #hello: Hello | undefined;
  #over = false;
  #held: PeerFrame[] | undefined;

  constructor(number: number, sink: SessionSink, handler: SessionHandler) {
    this.number = number;
    this.#sink = sink;
    this.#handler = handler;
    this.writer = new FrameWriter<CoordinatorFrame>({
      newFrame: newCoordinatorFrame,
      bounds: boundsOfCoordinatorFrame,
      write: (frame) => sink.write(frame),
      complete: (frame) => {
        if (frame.commits.length > 0) frame.position = handler.tip();
      },
      onOverflow: () => this.end(handler.tooSlow(this)),
      schedule: (flush) => handler.soon(flush),
    });
  }

  /** Name of the peer's incarnation; empty before its hello. */
  get instance(): string {
    return this.#hello?.instance ?? '';
  }

  /** The peer's introduction, when it has come. */
  get introduction(): Hello | undefined {
    return this.#hello;
  }

  /** True when the stream has ended. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Takes a frame of the peer. */
  receive(frame: PeerFrame): void {
    if (this.#over) return;
    if (frame.hello && !this.#hello) {
      this.#hello = frame.hello;
      const welcomed = this.#handler.hello(this, frame.hello);
      if (welcomed) void this.#holdUntil(welcomed);
    }
    if (this.#over) return;
    if (this.#held) this.#held.push(frame);
    else this.#handler.frame(this, frame);
  }

  /** What a peer says before it is welcomed is answered afterwards, in its order. */
  async #holdUntil(welcomed: Promise<void>): Promise<void> {
    const held: PeerFrame[] = [];
    this.#held = held;
    try {
      await welcomed;
      this.#held = undefined;
      for (const frame of held) if (!this.#over) this.#handler.frame(this, frame);
    } catch (error) {
      this.end(UnanimousError.from(error));
    }
  }

  /** The peer reads again. */
  drained(): void {
    this.writer.drained();
  }

  /** The stream broke or the peer ended it. */
  lost(): void {
    if (this.#over) return;
    this.#over = true;
    this.writer.close();
    this.#handler.lost(this);
  }

  /** Ends the stream from our side. */
  end(error?: UnanimousError): void {
    if (this.#over) return;
    if (!error) this.writer.flush();
    this.lost();
    this.#sink.end(error);
  }
}
