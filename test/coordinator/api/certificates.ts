import { generate } from 'selfsigned';

/** A certificate and its key, in PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

const strong = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** An authority, and what it has signed. */
export interface Authority extends Pair {
  /** For a server on 127.0.0.1 and localhost. */
  readonly server: Pair;
  readonly client: Pair;
}

/** Makes an authority with a server and a client. */
export async function makeAuthority(): Promise<Authority> {
  const ca = await generate([{ name: 'commonName', value: 'test authority' }], {
    ...strong,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true },
    ],
  });
  const issuer = { ...strong, ca: { key: ca.private, cert: ca.cert } };
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...issuer,
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  const client = await generate([{ name: 'commonName', value: 'orders' }], issuer);
  return {
    cert: ca.cert,
    key: ca.private,
    server: { cert: server.cert, key: server.private },
    client: { cert: client.cert, key: client.private },
  };
}
