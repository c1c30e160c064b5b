import {
  type Client,
  credentials,
  type handleUnaryCall,
  type Interceptor,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerInterceptor,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';

const serialize = (value: unknown) => Buffer.from(JSON.stringify(value));
const deserialize = (bytes: Buffer): unknown => JSON.parse(bytes.toString());
const codec = {
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
};

const definition = {
  work: { path: '/test.Echo/Work', requestStream: false, responseStream: false, ...codec },
  stream: { path: '/test.Echo/Stream', requestStream: false, responseStream: true, ...codec },
} satisfies ServiceDefinition;

type WorkCall = (
  request: unknown,
  options: object,
  callback: (error: ServiceError | null, reply: unknown) => void,
) => void;

/** A service with one unary method, as an application has many. */
export class EchoService {
  readonly address: string;
  readonly #server: Server;
  readonly #clients: Client[] = [];

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.address = `127.0.0.1:${port}`;
  }

  static async start(
    interceptors: ServerInterceptor[],
    work: handleUnaryCall<unknown, unknown>,
  ): Promise<EchoService> {
    const server = new Server({ interceptors });
    server.addService(definition, { work, stream: (call: { end(): void }) => call.end() });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
    return new EchoService(server, port);
  }

  /** A function that calls the service. */
  caller(interceptors: Interceptor[], deadlineMs = 10_000): (request: unknown) => Promise<unknown> {
    const client = this.#client(interceptors);
    return (request) =>
      new Promise((resolve, reject) => {
        const work = (client as unknown as { work: WorkCall }).work.bind(client);
        work(request, { deadline: Date.now() + deadlineMs }, (error, reply) => {
          if (error) reject(error);
          else resolve(reply);
        });
      });
  }

  /** Calls the streaming method. */
  stream(interceptors: Interceptor[]): void {
    const client = this.#client(interceptors);
    (client as unknown as { stream: (request: unknown) => unknown }).stream({});
  }

  close(): void {
    for (const client of this.#clients) client.close();
    this.#server.forceShutdown();
  }

  #client(interceptors: Interceptor[]): Client {
    const Echo = makeGenericClientConstructor(definition, 'Echo');
    const client = new Echo(this.address, credentials.createInsecure(), { interceptors });
    this.#clients.push(client);
    return client;
  }
}
