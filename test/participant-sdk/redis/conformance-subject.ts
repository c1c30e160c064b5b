import type { ConformanceSubject } from '@unanimous/participant-sdk/conformance';
import { type RedisStreams, redisStreams } from '@unanimous/participant-sdk/redis';
import { Redis } from 'ioredis';
import { sourceArgv } from '../support/source-argv.ts';

/** Where the resource connects, and where the reader does. */
export interface RedisPorts {
  readonly port: number;
  readonly readerPort: number;
}

const stream = 'conformance';

/** One stream, read from its beginning. */
export function conformanceSubject(ports: RedisPorts): ConformanceSubject<RedisStreams> {
  const clients: Redis[] = [];
  const client = (port: number) => {
    const made = new Redis({ port, retryStrategy: () => 50 });
    made.on('error', () => {}); // it tries again
    clients.push(made);
    return made;
  };
  let reader: Redis | undefined;
  return {
    kind: 'logged',
    make: (rm) => redisStreams({ rm, client: client(ports.port) }),
    write: (resource, key, text) => resource.publish(stream, text, { fields: { key } }),
    async read(key) {
      reader ??= client(ports.readerPort);
      const entries = (await reader.xrange(stream, '-', '+')).map(([, fields]) => {
        const at = (name: string) => fields[fields.indexOf(name) + 1] ?? '';
        return { key: at('key'), text: JSON.parse(at('content')) as string };
      });
      return entries.filter((entry) => entry.key === key).map(({ text }) => text);
    },
    async fail(resource) {
      reader ??= client(ports.readerPort);
      await reader.set('a-text', 'x');
      await resource.publish('a-text', 1);
    },
    child: { module: import.meta.url, input: ports, execArgv: sourceArgv },
    close: async () => clients.forEach((each) => each.disconnect()),
  };
}
