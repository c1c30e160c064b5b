import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { UnanimousError } from '@unanimous/proto';

/** Where to listen: a socket in the file system, or a port on all addresses of a host. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'tcp';
      /** As it was given. */
      readonly host: string;
      /** What it stands for now. */
      readonly addresses: readonly string[];
      readonly port: number;
    };

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Reads `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`, and looks the host up once: what is checked is what
 * is listened on.
 * @throws UnanimousError `invalid-argument`.
 */
export async function readListenAddress(text: string): Promise<ListenAddress> {
  const path = /^unix:(?:\/\/)?(.+)$/s.exec(text)?.[1];
  if (path !== undefined) return { kind: 'unix', path };
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new UnanimousError('invalid-argument', `listen: ${JSON.stringify(text)} is no address`, {
      hint: 'Write HOST:PORT, [IPV6]:PORT or unix:PATH; 127.0.0.1:7411 for this machine alone.',
    });
  }
  return { kind: 'tcp', host, addresses: await addressesOf(host), port };
}

async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) > 0) return [host];
  try {
    const found = await lookup(host, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch (cause) {
    throw new UnanimousError('invalid-argument', `listen: there is no host ${host}`, { cause });
  }
}

/** True when nobody from outside this machine can reach it. */
export function isLocal(address: ListenAddress): boolean {
  if (address.kind === 'unix') return true;
  return address.addresses.every((one) => loopback.check(one, isIP(one) === 6 ? 'ipv6' : 'ipv4'));
}

/**
 * Off this machine a coordinator takes only peers that show a certificate, unless it is told to take
 * anybody.
 * @throws UnanimousError `insecure-listen`.
 */
export function checkSecured(address: ListenAddress, isSecured: boolean): void {
  if (isSecured || isLocal(address)) return;
  const host = address.kind === 'tcp' ? address.host : address.path;
  const message = `${host} can be reached from other machines, and nothing would ask who is calling`;
  throw new UnanimousError('insecure-listen', message);
}
