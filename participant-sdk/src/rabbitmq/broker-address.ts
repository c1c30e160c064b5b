import { UnanimousError } from '@unanimous/proto';

/** Where a broker is. Holds the password: only `name` may be shown. */
export interface BrokerAddress {
  readonly url: string;
  readonly vhost: string;
  /** Host, port and virtual host, for messages. */
  readonly name: string;
}

/**
 * Reads a connection string, and asks for heartbeats where it does not: without them a broker that
 * lost its power is noticed only when TCP gives up.
 * @throws UnanimousError `invalid-argument`; the text is not repeated, it may hold a password.
 */
export function brokerAddress(text: string): BrokerAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^amqps?:$/.test(url.protocol)) {
    throw new UnanimousError('invalid-argument', 'url: not an amqp:// or amqps:// address');
  }
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', '10');
  const path = decodeURIComponent(url.pathname.slice(1));
  const vhost = path === '' ? '/' : path;
  const port = url.port || (url.protocol === 'amqp:' ? '5672' : '5671');
  return { url: url.href, vhost, name: `${url.hostname}:${port}, virtual host ${vhost}` };
}
