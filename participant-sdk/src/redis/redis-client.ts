/**
 * A connected client, of ioredis or of node-redis, handed in by the user, so that the SDK imports
 * no driver. The resource never closes it.
 */
export type RedisClient = IoredisClient | NodeRedisClient;

/** What is used of an ioredis client. */
export interface IoredisClient {
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** What is used of a node-redis client (the package `redis`). */
export interface NodeRedisClient {
  sendCommand(args: string[]): Promise<unknown>;
}

/** Sends one command, through whichever client it is. */
export function sendTo(client: RedisClient, command: readonly string[]): Promise<unknown> {
  // ioredis has a sendCommand as well, for its own command objects.
  if ('call' in client) return client.call(...(command as [string, ...string[]]));
  return client.sendCommand([...command]);
}
