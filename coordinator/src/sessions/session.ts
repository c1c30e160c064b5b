import { type CoordinatorFrame, FrameWriter, newCoordinatorFrame } from '@unanimous/proto';
import type { Hello, LogPosition, PeerFrame, UnanimousError } from '@unanimous/proto';

/** Where a session's frames go: a gRPC stream, or the same process. */
export interface SessionSink {
  /** Takes a frame. False: taken, but the peer is slow; call `drained` when it reads again. */
  write(frame: CoordinatorFrame): boolean;
  /** Ends the stream, with an error or in peace. */
  end(error?: UnanimousError): void;
}

/** What a session does with what it is told; the coordinator. */
export interface SessionHandler {
  hello(session: Session, hello: Hello): void;
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

  constructor(number: number, sink: SessionSink, handler: SessionHandler) {
    this.number = number;
    this.#sink = sink;
    this.#handler = handler;
    this.writer = new FrameWriter<CoordinatorFrame>({
      newFrame: newCoordinatorFrame,
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
      this.#handler.hello(this, frame.hello);
    }
    if (!this.#over) this.#handler.frame(this, frame);
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
