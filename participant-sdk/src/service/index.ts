// The public list of @unanimous/participant-sdk/service, kept by hand.

export {
  lastResource,
  type LastContext,
  type LastResource,
  type LastResourceDefinition,
  type Unknown,
} from './last-resource.ts';
export { reservation, type Reservation } from './reservation.ts';
export type {
  OpenReservation,
  ReservationContext,
  ReservationDefinition,
  TryContext,
  UnansweredContext,
} from './reservation-definition.ts';
