/** A request that was sent. */
interface Request<K, P> {
  readonly ref: number;
  readonly kind: K;
  readonly pending: P;
}

/** The highest number that the wire takes. */
const lastRef = 0xffff_ffff;

/**
 * Requests that are not answered, by their numbers, which come in order and never twice. Not a map: of
 * numbers that come and go it makes a new table again and again, and what stood in an old one, answered
 * or not, is kept until the next full collection of garbage.
 */
export class PendingRequests<K, P> {
  /** A number's place is its remainder; what still stands there makes the next number be taken. */
  #places: (Request<K, P> | undefined)[] = newPlaces(256);
  #count = 0;
  #lastRef = 0;

  /** Keeps a request, and gives its number. */
  add(kind: K, pending: P): number {
    if (2 * this.#count >= this.#places.length) this.#grow();
    do this.#lastRef = (this.#lastRef % lastRef) + 1;
    while (this.#places[this.#placeOf(this.#lastRef)]);
    const ref = this.#lastRef;
    this.#places[this.#placeOf(ref)] = { ref, kind, pending };
    this.#count += 1;
    return ref;
  }

  get(ref: number): Request<K, P> | undefined {
    const request = this.#places[this.#placeOf(ref)];
    return request?.ref === ref ? request : undefined;
  }

  delete(ref: number): void {
    if (!this.get(ref)) return;
    this.#places[this.#placeOf(ref)] = undefined;
    this.#count -= 1;
  }

  /** Takes all of them, in their order. */
  takeAll(): Request<K, P>[] {
    const left = this.#places.filter((request) => request !== undefined);
    this.#places = newPlaces(256);
    this.#count = 0;
    return left.toSorted((a, b) => a.ref - b.ref);
  }

  #grow(): void {
    const requests = this.#places;
    this.#places = newPlaces(2 * requests.length);
    for (const request of requests) {
      if (request) this.#places[this.#placeOf(request.ref)] = request;
    }
  }

  #placeOf(ref: number): number {
    return ref % this.#places.length;
  }
}

function newPlaces<T>(count: number): (T | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
