import { fileURLToPath } from 'node:url';
import { type Client, loadPackageDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import type { sendUnaryData, ServiceError, UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** A reservation as it travels. */
export interface Reservation {
  readonly orderId: string;
  readonly dish: string;
  readonly portions: number;
}

/** The generated client. */
export interface StockClient extends Client {
  reserve(request: Reservation, done: (error: ServiceError | null) => void): void;
}

type StockConstructor = (new (
  ...args: ConstructorParameters<typeof Client>
) => StockClient) & {
  readonly service: ServiceDefinition;
};

const file = fileURLToPath(new URL('./stock.proto', import.meta.url));
const loaded = loadPackageDefinition(loadSync(file, { defaults: true }));

/** The stock service's client constructor, with the definition that servers need. */
export const Stock = (loaded.foodorder as unknown as { Stock: StockConstructor }).Stock;

/** Makes the server's side of a promise-returning handler. */
export function stockHandlers(
  reserve: (request: Reservation) => Promise<void>,
): UntypedServiceImplementation {
  return {
    reserve(call: { request: Reservation }, done: sendUnaryData<object>) {
      void answer(reserve(call.request), done);
    },
  };
}

async function answer(made: Promise<void>, done: sendUnaryData<object>): Promise<void> {
  try {
    await made;
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, {});
}
