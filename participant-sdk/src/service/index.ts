// The public list of @unanimous/participant-sdk/service, kept by hand.

export { reservation, type Reservation } from './reservation.ts';
export type {
  OpenReservation,
  ReservationContext,
  ReservationDefinition,
  TryContext,
  UnansweredContext,
} from './reservation-definition.ts';
