import { Server, ServerCredentials } from '@grpc/grpc-js';
import { adminService, coordinatorService, toServiceError } from '@unanimous/proto';
import { UnanimousError } from '@unanimous/proto';
import type { AdminHandlers, CoordinatorHandlers } from '@unanimous/proto';
import { HealthImplementation } from 'grpc-health-check';
import type { Coordinator } from '../coordinator.ts';
import { type Logger, silent } from '../log-events.ts';
import { realWorld, type World } from '../world.ts';
import { adminHandlers } from './admin.ts';
import { guardCall } from './call-guard.ts';
import type { ListenAddress } from './listen-address.ts';
import { Listener } from './listener.ts';
import type { MethodsOf } from './methods.ts';
import {
  type SessionPatience,
  SessionStream,
  type SessionStreamOptions,
} from './session-stream.ts';
import { type ApiOptions, unaryHandlers } from './unary.ts';

type ConnectionInjector = ReturnType<Server['createConnectionInjector']>;

/** Names under which health is asked for: the process, and the service. */
const healthNames = ['', 'unanimous.v1.Coordinator'];

/** Limits of one connection. A peer that is gone without a word is noticed within 5 s. */
const connectionOptions = {
  'grpc.max_concurrent_streams': 100,
  'grpc.max_receive_message_length': 4 * 1_024 * 1_024,
  'grpc.keepalive_time_ms': 3_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.enable_channelz': 0,
};

/** Certificates in PEM: ours, and the authority that signs those of the peers. */
export interface TlsIdentity {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer;
}

/** What a server is made of. */
export interface GrpcServerOptions {
  /** Without it, connections are neither encrypted nor asked who they are. */
  readonly tls?: TlsIdentity;
  readonly logger?: Logger;
  readonly world?: World;
  readonly patience?: SessionPatience;
}

/**
 * The coordinator's gRPC server: sessions, unary API, admin and health. It listens before there is a
 * coordinator, so that health can say that it is not there yet; calls are refused until `serve`.
 */
export class GrpcServer {
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #health: HealthImplementation;
  #coordinator: Coordinator | undefined;
  #refusal = new UnanimousError('not-active', 'the coordinator is reading its log', {
    hint: 'Try again in a moment.',
  });

  /** @throws UnanimousError `invalid-argument` when the certificates cannot be used. */
  constructor(options: GrpcServerOptions = {}) {
    const { logger = silent, world = realWorld, patience, tls } = options;
    this.#server = new Server({ ...connectionOptions, interceptors: [guardCall] });
    this.#health = new HealthImplementation();
    this.#setHealth('NOT_SERVING');
    this.#health.addToServer(this.#server);
    const running = () => this.#running();
    const session = { logger, world, ...(patience && { patience }) };
    const handlers = apiHandlers({ running, logger, world }, session);
    this.#server.addService(coordinatorService, handlers.coordinator);
    this.#server.addService(adminService, handlers.admin);
    const injector = createInjector(this.#server, tls);
    this.#listener = new Listener((socket) => injector.injectConnection(socket));
  }

  /**
   * Listens, and answers the address with its actual port.
   * @throws UnanimousError `invalid-argument` when the address cannot be had.
   */
  listen(address: ListenAddress): Promise<string> {
    return this.#listener.listen(address);
  }

  /** The coordinator has read its log: from now on calls are answered. */
  serve(coordinator: Coordinator): void {
    this.#coordinator = coordinator;
    this.#setHealth('SERVING');
    coordinator.onStopped((error) => {
      this.stopServing();
      this.#coordinator = undefined;
      this.#refusal = error ?? new UnanimousError('draining', 'the coordinator has stopped');
    });
  }

  /** Says that nothing new should come here; what is open goes on. */
  stopServing(): void {
    this.#setHealth('NOT_SERVING');
  }

  /** Lets calls in flight end, for so long, and ends the rest. Idempotent. */
  async close(withinMs: number): Promise<void> {
    this.stopServing();
    this.#listener.close();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      new Promise((resolve) => this.#server.tryShutdown(resolve)),
      new Promise((resolve) => {
        timer = setTimeout(resolve, withinMs);
      }),
    ]);
    clearTimeout(timer);
    this.#server.forceShutdown();
    this.#listener.destroyConnections();
  }

  #running(): Coordinator {
    if (this.#coordinator) return this.#coordinator;
    throw this.#refusal;
  }

  #setHealth(status: 'SERVING' | 'NOT_SERVING'): void {
    for (const name of healthNames) this.#health.setStatus(name, status);
  }
}

/** All handlers of both services: each method has one, and there are no others. */
export function apiHandlers(
  api: ApiOptions,
  session: SessionStreamOptions,
): { coordinator: MethodsOf<CoordinatorHandlers>; admin: MethodsOf<AdminHandlers> } {
  return {
    coordinator: {
      Session: (call) => {
        try {
          const coordinator = api.running();
          new SessionStream(call, session).open(coordinator);
        } catch (error) {
          call.emit('error', toServiceError(error));
        }
      },
      ...unaryHandlers(api),
    },
    admin: adminHandlers(api),
  };
}

function createInjector(server: Server, tls: TlsIdentity | undefined): ConnectionInjector {
  if (!tls) return server.createConnectionInjector(ServerCredentials.createInsecure());
  const { cert, key, clientCa } = tls;
  const pairs = [{ cert_chain: cert, private_key: key }];
  try {
    return server.createConnectionInjector(ServerCredentials.createSsl(clientCa, pairs, true));
  } catch (cause) {
    const message = `tls: ${(cause as Error).message}`;
    const hint = 'Give certificate, its key and the authority of the peers as PEM files.';
    throw new UnanimousError('invalid-argument', message, { hint, cause });
  }
}
