// Propagation over HTTP: two headers carry a transaction to the service that is called.
import { metadataKeys } from '@unanimous/proto';
import { type Joiner, packBaggage } from './propagation/join.ts';

/** Headers of a request, as `node:http`, Express and Fastify have them, or as `fetch` does. */
export type RequestHeaders =
  | { readonly [name: string]: string | readonly string[] | undefined }
  | { get(name: string): string | null };

/**
 * Headers that take the current transaction along; none outside of one. Await the call: only
 * `transactionFetch` notices one that was not awaited.
 * @throws UnanimousError `work-after-end` when the transaction is over.
 */
export function transactionHeaders(): Record<string, string> {
  const baggage = packBaggage();
  baggage?.answered();
  return baggage ? headersOf(baggage) : {};
}

/**
 * `fetch` that takes the current transaction along. A call that is not awaited fails the commit.
 * What an answer that is not 2xx means is the caller's to say: throw, and the transaction aborts.
 */
export async function transactionFetch(
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const baggage = packBaggage();
  if (!baggage) return fetch(input, init);
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : {}));
  for (const [name, value] of Object.entries(headersOf(baggage))) headers.set(name, value);
  try {
    return await fetch(input, { ...init, headers });
  } finally {
    baggage.answered();
  }
}

/**
 * Runs a handler in the transaction that its request carries; outside of one where it carries none.
 * Send the reply after it resolves: its part can be committed only then.
 *
 *     app.post('/reserve', async (req, res) => {                                  // Express
 *       res.json(await withTransactionContext(tm, req.headers, () => reserve(req.body)));
 *     });
 *     fastify.post('/reserve', (req) =>                                           // Fastify
 *       withTransactionContext(tm, req.headers, () => reserve(req.body)));
 *
 * @throws what the handler throws, which aborts the transaction; `answered-before-enlisted` when it
 * left writes unfinished; `malformed-gid`.
 */
export async function withTransactionContext<T>(
  tm: Joiner,
  headers: RequestHeaders,
  next: () => T | Promise<T>,
): Promise<T> {
  const gid = read(headers, metadataKeys.gid);
  if (gid === undefined) return next();
  const remaining = read(headers, metadataKeys.remainingMs);
  const joined = tm.join(gid, remaining === undefined ? undefined : Number(remaining));
  try {
    const answer = await joined.run(async () => next());
    const problem = joined.answer();
    if (problem) throw problem;
    return answer;
  } catch (error) {
    joined.fail(error);
    throw error;
  }
}

function headersOf({ gid, remainingMs }: { gid: string; remainingMs: number }) {
  return { [metadataKeys.gid]: gid, [metadataKeys.remainingMs]: String(remainingMs) };
}

function read(headers: RequestHeaders, name: string): string | undefined {
  if (typeof headers.get === 'function') return headers.get(name) ?? undefined;
  const value = (headers as { readonly [name: string]: string | readonly string[] | undefined })[
    name
  ];
  return typeof value === 'object' ? value[0] : value;
}
