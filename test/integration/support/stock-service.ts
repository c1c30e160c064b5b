import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { credentials, Server, ServerCredentials, type ServiceError } from '@grpc/grpc-js';
import {
  type CommonOptions,
  currentTransaction,
  TransactionClient,
} from '@unanimous/participant-sdk';
import {
  clientInterceptor,
  serverInterceptor,
  unaryHandler,
} from '@unanimous/participant-sdk/grpc';
import { withTransactionContext } from '@unanimous/participant-sdk/http';
import { postgres } from '@unanimous/participant-sdk/postgres';
import pg from 'pg';
import {
  type Reservation,
  Stock,
  type StockClient,
} from '../../../examples/food-order/services/stock-api.ts';
import { insertReservation } from './shop-schema.ts';

/** What the stock service is started with. */
export interface StockServiceOptions extends CommonOptions {
  /** Of the coordinator. */
  readonly address: string;
  readonly stockUrl: string;
  /** Connections to its database. */
  readonly max?: number;
  /** Where its gRPC side listens; any free port unless told. */
  readonly listen?: string;
}

/** The service that is called: reservations in a Postgres of its own, by gRPC and by HTTP. */
export class StockService implements AsyncDisposable {
  readonly tm: TransactionClient;
  readonly pool: pg.Pool;
  /** Fires when a gRPC call's client went away. */
  onCancelled: () => void = () => {};
  /** What both handlers do; a test may replace it. */
  handle = (reservation: Reservation): Promise<void> => this.insert(reservation);
  readonly #grpc: Server;
  readonly #http: HttpServer;
  #grpcPort = 0;

  private constructor(tm: TransactionClient, pool: pg.Pool) {
    this.tm = tm;
    this.pool = pool;
    this.#grpc = new Server({ interceptors: [serverInterceptor(tm)] });
    this.#grpc.addService(Stock.service, {
      reserve: unaryHandler<Reservation, object>(async (call) => {
        call.on('cancelled', () => this.onCancelled());
        await this.handle(call.request);
        return {};
      }),
    });
    this.#http = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://stock');
      const orderId = searchParams.get('order') ?? '';
      const work = () => this.handle({ orderId, dish: '', portions: 1 });
      withTransactionContext(tm, request.headers, work).then(
        () => response.writeHead(204).end(),
        (error: { code?: string }) => response.writeHead(500).end(error.code ?? 'failed'),
      );
    });
  }

  /** Connects, serves, and listens. */
  static async start(options: StockServiceOptions): Promise<StockService> {
    const { stockUrl: connectionString, max = 4, listen = '127.0.0.1:0', ...client } = options;
    const tm = new TransactionClient({ service: 'stock', ...client });
    const { pool } = await tm.serve(postgres({ rm: 'stock-db', pg, connectionString, max }));
    const service = new StockService(tm, pool);
    await service.#listen(listen);
    return service;
  }

  /** The base of its HTTP addresses. */
  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/reserve`;
  }

  /** Inserts a reservation in the current transaction. */
  async insert({ orderId, portions }: Reservation): Promise<void> {
    const gid = currentTransaction()?.gid ?? '';
    await this.pool.query(insertReservation, [orderId, gid, portions]);
  }

  /** A client of its gRPC side that takes the caller's transaction along. */
  client(): StockCaller {
    return new StockCaller(`127.0.0.1:${this.#grpcPort}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#grpc.forceShutdown();
    this.#http.close();
    this.#http.closeAllConnections();
    await this.tm.close();
  }

  async #listen(grpcAddress: string): Promise<void> {
    await new Promise<void>((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    const bind = promisify<string, number>((address, done) => {
      this.#grpc.bindAsync(address, ServerCredentials.createInsecure(), done);
    });
    this.#grpcPort = await bind(grpcAddress);
  }
}

/** The generated client with the options of a call. */
interface ReserveMethod {
  reserve(
    request: Reservation,
    options: { readonly deadline: number },
    done: (error: ServiceError | null) => void,
  ): void;
}

/** Calls the stock service by gRPC. */
export class StockCaller implements Disposable {
  readonly #client: StockClient;

  constructor(address: string) {
    const options = {
      interceptors: [clientInterceptor()],
      // The service is killed and comes back: do not wait long before the next look.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
    };
    this.#client = new Stock(address, credentials.createInsecure(), options);
  }

  /** Reserves; within a transaction it takes part in that. */
  reserve(orderId: string, timeoutMs = 30_000): Promise<void> {
    const client = this.#client as unknown as ReserveMethod;
    const request: Reservation = { orderId, dish: '', portions: 1 };
    const options = { deadline: Date.now() + timeoutMs };
    return new Promise((resolve, reject) => {
      client.reserve(request, options, (error) => (error ? reject(error) : resolve()));
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
