import { reservation } from '../../../participant-sdk/src/service/index.ts';

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
  readonly rm?: string;
}

/** The payment provider of the tests, by HTTP, as a resource. */
export function payments({ url, lapsesAfterMs, tryTimeoutMs = 2_000, rm }: PaymentOptions) {
  return reservation<PaymentRequest, ReservedPayment>({
    rm: rm ?? 'payments',
    identity: url,
    lapsesAfterMs,
    confirmWithinMs: lapsesAfterMs / 2,
    tryTimeoutMs,
    applyTimeoutMs: 2_000,
    try: (request, { key, signal }) => reserve(url, request, lapsesAfterMs, key, signal),
    async confirm({ payment }, { key, signal }) {
      const { status, body } = await post(`${url}/reservations/${payment}/confirm`, key, signal);
      return status === 409 ? { refused: body.why ?? '' } : undefined;
    },
    async cancel({ payment }, { key, signal }) {
      const { status, body } = await post(`${url}/reservations/${payment}/cancel`, key, signal);
      return status === 409 ? { refused: body.why ?? '' } : undefined;
    },
    async cancelUnanswered(request, { key, tryKey, signal }) {
      const answer = await reserve(url, request, lapsesAfterMs, tryKey, signal);
      if ('refused' in answer) return;
      await post(`${url}/reservations/${answer.payment}/cancel`, key, signal);
    },
  });
}

async function reserve(
  url: string,
  { order, cents }: PaymentRequest,
  holdMs: number,
  key: string,
  signal: AbortSignal,
): Promise<ReservedPayment | { readonly refused: string }> {
  const wanted = { order, cents, holdMs };
  const { status, body } = await post(`${url}/reservations`, key, signal, wanted);
  return status === 402 ? { refused: body.why ?? '' } : { payment: body.payment ?? 0 };
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
