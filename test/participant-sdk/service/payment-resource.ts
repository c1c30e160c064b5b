import { lastResource, reservation } from '../../../participant-sdk/src/service/index.ts';

/** What a shop asks of the payment provider. */
export interface PaymentRequest {
  readonly order: string;
  readonly cents: number;
}

/** What it gets. */
export interface ReservedPayment {
  readonly payment: number;
}

/** How the provider is spoken to. */
export interface PaymentOptions {
  readonly url: string;
  readonly lapsesAfterMs: number;
  readonly tryTimeoutMs?: number;
  /** Also the provider's account; `payments` unless told. */
  readonly rm?: string;
  /** Asks the provider for what it holds, too. */
  readonly lists?: boolean;
}

/** The payment provider of the tests, by HTTP, as a resource. */
export function payments(options: PaymentOptions) {
  const { url, lapsesAfterMs, tryTimeoutMs = 2_000, rm = 'payments', lists = false } = options;
  const reserve = async (request: PaymentRequest, id: string, key: string, signal: AbortSignal) => {
    const wanted = { account: rm, reference: id, ...request, holdMs: lapsesAfterMs };
    const { status, body } = await post(`${url}/reservations`, key, signal, wanted);
    return status === 402 ? { refused: body.why ?? '' } : { payment: body.payment ?? 0 };
  };
  const end = async (act: string, payment: number, key: string, signal: AbortSignal) => {
    const { status, body } = await post(`${url}/reservations/${payment}/${act}`, key, signal);
    return status === 409 ? { refused: body.why ?? '' } : undefined;
  };
  return reservation<PaymentRequest, ReservedPayment>({
    rm,
    identity: `${url}/${rm}`,
    lapsesAfterMs,
    confirmWithinMs: lapsesAfterMs / 2,
    tryTimeoutMs,
    applyTimeoutMs: 2_000,
    try: (request, { id, key, signal }) => reserve(request, id, key, signal),
    confirm: ({ payment }, { key, signal }) => end('confirm', payment, key, signal),
    cancel: ({ payment }, { key, signal }) => end('cancel', payment, key, signal),
    async cancelUnanswered(request, { id, key, tryKey, signal }) {
      const answer = await reserve(request, id, tryKey, signal);
      if ('payment' in answer) await end('cancel', answer.payment, key, signal);
    },
    ...(lists && {
      async listOpen(signal: AbortSignal) {
        const response = await fetch(`${url}/open/${rm}`, { signal });
        const open = (await response.json()) as { payment: number; reference: string }[];
        return open.map(({ payment, reference }) => ({ id: reference, reserved: { payment } }));
      },
    }),
  });
}

/** The same provider's transfers, which are final. */
export function transfers(url: string) {
  return lastResource<PaymentRequest>({
    rm: 'transfers',
    identity: `${url}/transfers`,
    callTimeoutMs: 2_000,
    async call(request, { key, signal }) {
      const wanted = { account: 'transfers', reference: key, ...request };
      const { status, body } = await post(`${url}/transfers`, key, signal, wanted);
      return status === 402 ? { refused: body.why ?? '' } : undefined;
    },
  });
}

async function post(url: string, key: string, signal: AbortSignal, body: object = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: JSON.stringify(body),
    signal,
  });
  if (response.status >= 500) throw new Error(`HTTP ${response.status}`);
  return {
    status: response.status,
    body: (await response.json()) as { readonly payment?: number; readonly why?: string },
  };
}
