import { describe, expect, test } from 'vitest';
import {
  checkSecured,
  isLocal,
  readListenAddress,
} from '../../../coordinator/src/api/listen-address.ts';

describe('an address', () => {
  test.each([
    ['127.0.0.1:7411', { kind: 'tcp', host: '127.0.0.1', addresses: ['127.0.0.1'], port: 7411 }],
    ['[::1]:0', { kind: 'tcp', host: '::1', addresses: ['::1'], port: 0 }],
    ['unix:/run/u.sock', { kind: 'unix', path: '/run/u.sock' }],
    ['unix:///run/u.sock', { kind: 'unix', path: '/run/u.sock' }],
    ['unix:u.sock', { kind: 'unix', path: 'u.sock' }],
  ])('%s is read', async (text, expected) => {
    expect(await readListenAddress(text)).toEqual(expected);
  });

  test.each([
    '',
    '7411',
    ':7411',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '::1:7411',
    'a b:1',
  ])('%j is refused', async (text) => {
    await expect(readListenAddress(text)).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('of a host that does not exist is refused', async () => {
    const reading = readListenAddress('no-such-host.invalid:1');
    await expect(reading).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('without TLS', () => {
  test.each([
    '127.0.0.1:1',
    '127.9.9.9:1',
    '[::1]:1',
    '[::ffff:127.0.0.1]:1',
    'localhost:1',
    'unix:x',
  ])('%s may be listened on', async (text) => {
    const address = await readListenAddress(text);
    expect(isLocal(address)).toBe(true);
    checkSecured(address, false);
  });

  test.each([
    '0.0.0.0:1',
    '[::]:1',
    '10.0.0.7:1',
    '192.168.1.1:1',
    '[::ffff:10.0.0.7]:1',
    '[fe80::1]:1',
  ])('%s may not', async (text) => {
    const address = await readListenAddress(text);
    expect(isLocal(address)).toBe(false);
    expect(() => checkSecured(address, false)).toThrow(
      expect.objectContaining({ code: 'insecure-listen' }),
    );
    checkSecured(address, true);
  });

  test('a name of which one address is not local may not', () => {
    const address = {
      kind: 'tcp',
      host: 'both',
      addresses: ['127.0.0.1', '10.0.0.7'],
      port: 1,
    } as const;
    expect(isLocal(address)).toBe(false);
  });
});
