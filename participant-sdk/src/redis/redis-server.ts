import { createHash } from 'node:crypto';
import { UnanimousError } from '@unanimous/proto';
import { untilAborted } from '../logged/until-aborted.ts';
import { type RedisClient, sendTo } from './redis-client.ts';

/** A Lua script: all that it does happens in one step of the server. */
export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

/** Names a script by its hash, as EVALSHA wants it. */
export function redisScript(text: string): RedisScript {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}

/** Settings of what talks to the server. */
export interface RedisServerOptions {
  readonly rm: string;
  readonly client: RedisClient;
}

/** The server behind a client: commands and scripts, with errors that say what to do. */
export class RedisServer {
  readonly #rm: string;
  readonly #client: RedisClient;

  constructor({ rm, client }: RedisServerOptions) {
    this.#rm = rm;
    this.#client = client;
  }

  /**
   * Sends a command.
   * @throws UnanimousError `rm-unavailable`, or `unroutable` where a key holds something else.
   */
  async send(...command: readonly string[]): Promise<unknown> {
    try {
      return await sendTo(this.#client, command);
    } catch (error) {
      throw redisError(this.#rm, error);
    }
  }

  /** Runs a script, which the server keeps until it restarts. Throws as `send`. */
  async run(script: RedisScript, keys: readonly string[], args: readonly string[]) {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await sendTo(this.#client, ['EVALSHA', script.sha1, ...rest]);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw redisError(this.#rm, error);
    }
    return this.send('EVAL', script.text, ...rest);
  }

  /**
   * Whether the server would take a write now: not out of memory, no replica, no right missing.
   * @throws UnanimousError `rm-unavailable` with the server's words, or when it does not answer.
   */
  async probe(key: string, timeoutMs: number): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = this.send('SET', key, '', 'PX', '1');
    await untilAborted(answer, signal).catch((cause: unknown) => {
      if (cause instanceof UnanimousError) throw cause;
      const text = `Redis did not answer within ${timeoutMs} ms`;
      throw new UnanimousError('rm-unavailable', text, { rm: this.#rm, cause });
    });
  }

  /** One field of INFO, say `redis_version`. */
  async info(section: string, field: string): Promise<string | undefined> {
    const text = String(await this.send('INFO', section));
    return new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(text)?.[1];
  }

  /**
   * Refuses a server that is too old: before 7 scripts reach replicas in other ways.
   * @throws UnanimousError `unsupported-protocol` naming the version.
   */
  async checkVersion(): Promise<void> {
    const version = await this.info('server', 'redis_version');
    if (Number.parseInt(version ?? '', 10) >= 7) return;
    throw new UnanimousError('unsupported-protocol', `${this.#rm}: Redis ${version} is too old`, {
      rm: this.#rm,
      hint: 'Use Redis 7 or later, or a Valkey.',
    });
  }

  /**
   * Refuses a server that may lose what it has confirmed.
   * @throws UnanimousError `rm-unavailable` naming the settings.
   */
  async checkDurability(): Promise<void> {
    const [appendonly, appendfsync] = await Promise.all([
      this.#setting('appendonly'),
      this.#setting('appendfsync'),
    ]);
    if (appendonly === 'yes' && appendfsync === 'always') return;
    const found = `appendonly ${appendonly}, appendfsync ${appendfsync}`;
    throw new UnanimousError('rm-unavailable', `${this.#rm}: Redis may lose messages: ${found}`, {
      rm: this.#rm,
      retryable: false,
      hint: "Set appendonly yes and appendfsync always, or accept the loss: durability: 'memory'.",
    });
  }

  /** A setting; RESP3 gives a map, RESP2 a list. */
  async #setting(name: string): Promise<string> {
    const found = await this.send('CONFIG', 'GET', name);
    if (Array.isArray(found)) return String(found[1]);
    if (found instanceof Map) return String(found.get(name));
    return String((found as Readonly<Record<string, unknown>>)[name]);
  }
}

const remedies: readonly (readonly [RegExp, string])[] = [
  [/^OOM/, 'Redis is out of memory. Raise maxmemory, or let it evict keys that have a TTL.'],
  [/^READONLY/, 'This is a replica. Connect to the primary.'],
  [/^(NOAUTH|WRONGPASS|NOPERM)/, 'Check the user, its password and its rights (ACL).'],
  [/^MISCONF/, 'Redis cannot write its snapshots and so takes no writes. Look at its log.'],
  [/^CROSSSLOT/, 'In a cluster all keys of one write need one hash tag.'],
];

/** What Redis or its driver said, as one of our errors. The first word of an answer is its code. */
function redisError(rm: string, cause: unknown): UnanimousError {
  const text = messageOf(cause);
  if (/WRONGTYPE/.test(text)) {
    const hint = 'The key holds something else. Use another name, or remove the key.';
    return new UnanimousError('unroutable', `Redis: ${text}`, { rm, cause, hint });
  }
  const hint = remedies.find(([pattern]) => pattern.test(text))?.[1];
  return new UnanimousError('rm-unavailable', `Redis: ${text}`, {
    rm,
    cause,
    hint: hint ?? 'Is Redis running there? Look at its log.',
    retryable: !/^(NOAUTH|WRONGPASS|NOPERM)/.test(text),
  });
}

/** An AggregateError of refused connections has no text, but a code. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
