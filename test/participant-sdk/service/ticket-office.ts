import type { Ambient } from '../../../participant-sdk/src/ambient.ts';
import { systemAmbient } from '../../../participant-sdk/src/ambient.ts';
import {
  reservation,
  type ReservationContext,
  type ReservationDefinition,
} from '../../../participant-sdk/src/service/index.ts';
import { TestCoordinator } from '../support/test-coordinator.ts';

/** What is asked of the office. */
export interface Seat {
  readonly seat: string;
}

/** What it gives. */
export interface Ticket {
  readonly ticket: string;
}

type Definition = ReservationDefinition<Seat, Ticket>;

/** One call that has come to the office. */
export interface OfficeCall {
  readonly act: 'try' | 'confirm' | 'cancel' | 'cancelUnanswered';
  readonly of: string;
  readonly id: string;
  readonly key: string;
}

/** A ticket office in this process, with all calls that came to it, and a clock that is moved. */
export class TicketOffice {
  readonly coordinator = new TestCoordinator();
  readonly calls: OfficeCall[] = [];
  aheadMs = 0;
  /** Timers that run. */
  timers = 0;
  readonly ambient: Ambient = {
    ...systemAmbient,
    after: (delayMs, task) => {
      let isOver = false;
      const end = () => {
        if (!isOver) this.timers -= 1;
        isOver = true;
      };
      this.timers += 1;
      const callOff = systemAmbient.after(delayMs, () => {
        end();
        task();
      });
      return () => {
        end();
        callOff();
      };
    },
    nowMs: () => performance.now() + this.aheadMs,
    random: () => 0,
  };

  /** A resource that writes down what it is called with; `overrides` may do otherwise. */
  serve(overrides: Partial<Definition> = {}) {
    return this.coordinator.serve(
      reservation<Seat, Ticket>({
        rm: 'tickets',
        ambient: this.ambient,
        lapsesAfterMs: 600_000,
        try: ({ seat }, context) => {
          this.note('try', seat, context);
          return { ticket: `t-${seat}` };
        },
        confirm: ({ ticket }, context) => this.note('confirm', ticket, context),
        cancel: ({ ticket }, context) => this.note('cancel', ticket, context),
        cancelUnanswered: ({ seat }, context) => this.note('cancelUnanswered', seat, context),
        ...overrides,
      }),
    );
  }

  /** Writes a call down. */
  note(act: OfficeCall['act'], of: string, { id, key }: ReservationContext): undefined {
    this.calls.push({ act, of, id, key });
  }

  /** What has been called, as `act of`. */
  get acts(): readonly string[] {
    return this.calls.map(({ act, of }) => `${act} ${of}`);
  }
}
