import { UnanimousError } from '@unanimous/proto';
import type { SearchServer } from './search-client.ts';
import { removedField, type SearchEffect, sourceOf } from './search-document.ts';
import { failureError, type SearchFailure, unroutable } from './search-error.ts';

/** How indexes are checked. */
export interface IndexCheckOptions {
  readonly rm: string;
  readonly takesAsync: boolean;
  readonly timeoutMs: number;
  /** The longest refresh interval that a write may wait for; undefined when none waits. */
  readonly maxRefreshMs: number | undefined;
}

/** Asks before the vote whether the indexes will take what is to be written. */
export class IndexCheck {
  readonly #options: IndexCheckOptions;
  readonly #server: SearchServer;

  constructor(options: IndexCheckOptions, server: SearchServer) {
    this.#options = options;
    this.#server = server;
  }

  /**
   * @throws UnanimousError `unroutable`, `prepare-refused`, or `rm-unavailable` when an index is
   * blocked, has no shard, or nobody answers.
   */
  async check(effects: readonly SearchEffect[]): Promise<void> {
    const indexes = [...new Set(effects.map(({ index }) => index))];
    await Promise.all(
      indexes.map(async (index) => {
        const removes = effects.some((each) => each.index === index && !each.document);
        refuse(this.#options, index, await this.#describe(index), removes);
      }),
    );
    await this.#parse(effects);
  }

  async #describe(index: string): Promise<IndexDescription> {
    const path = `/${encodeURIComponent(index)}`;
    const querystring = { include_defaults: 'true', filter_path: filterPath };
    const request = { method: 'GET', path, querystring };
    const found = (await this.#server.send(request, this.#options.timeoutMs)) as Described;
    const [description, ...others] = Object.values(found);
    const { rm } = this.#options;
    if (!description) throw unroutable(rm, index);
    if (others.length === 0) return description;
    // A version is compared within one index: an id could be in each of them.
    const text = `${index} stands for ${others.length + 1} indexes`;
    throw new UnanimousError('prepare-refused', text, { rm, hint: 'Write to one of them.' });
  }

  /**
   * The server parses each document as if it were to be indexed, in the shard where it will be, and
   * keeps nothing: the one dry run that both servers have.
   */
  async #parse(effects: readonly SearchEffect[]): Promise<void> {
    const now = new Date();
    const docs = effects.map((effect) => {
      const { index, id } = effect;
      return { _index: index, doc: sourceOf(effect, now), routing: id, fields: ['_none'] };
    });
    const request = { method: 'POST', path: '/_mtermvectors', body: { docs } };
    const answer = (await this.#server.send(request, this.#options.timeoutMs)) as Parsed;
    const { rm } = this.#options;
    for (const [n, { error }] of answer.docs.entries()) {
      if (!error) continue;
      const { _index: index, routing: id } = docs[n] ?? {};
      const { type = '', reason = '' } = error.caused_by ?? error;
      const what = `${index}/${id}`;
      const failure: SearchFailure = { status: 400, type, reason };
      if (!isRefusal(failure)) throw failureError(rm, what, failure);
      const hint = 'Mend the document, or the mapping of the index.';
      throw new UnanimousError('prepare-refused', `${what}: ${reason}`, { rm, hint });
    }
  }
}

/** True for what will be refused each time that it is sent, as long as the mapping stays. */
export function isRefusal({ status, type, reason }: SearchFailure): boolean {
  if (status !== 400 || /no write index/.test(reason)) return false;
  return !/shard|not_found|closed|block|rejected|breaking|security/.test(type);
}

const filterPath = [
  ...['blocks', 'translog.durability', 'refresh_interval'].flatMap((name) => [
    `*.settings.index.${name}`,
    `*.defaults.index.${name}`,
  ]),
  '*.mappings._routing',
  `*.mappings.properties.${removedField}`,
].join(',');

type Described = Readonly<Record<string, IndexDescription>>;

interface IndexDescription {
  readonly settings?: { readonly index?: IndexSettings };
  readonly defaults?: { readonly index?: IndexSettings };
  readonly mappings?: {
    readonly _routing?: { readonly required?: boolean };
    readonly properties?: Readonly<Record<string, { readonly type?: string } | undefined>>;
  };
}

interface IndexSettings {
  readonly blocks?: Readonly<Record<string, string>>;
  readonly translog?: { readonly durability?: string };
  readonly refresh_interval?: string;
}

interface Parsed {
  readonly docs: readonly { readonly error?: ParseFailure }[];
}

interface ParseFailure {
  readonly type?: string;
  readonly reason?: string;
  readonly caused_by?: { readonly type?: string; readonly reason?: string };
}

function refuse(
  { rm, takesAsync, maxRefreshMs }: IndexCheckOptions,
  index: string,
  { settings, defaults, mappings }: IndexDescription,
  removes: boolean,
): void {
  const { _routing: routing, properties } = mappings ?? {};
  const set = { ...defaults?.index, ...settings?.index };
  const blocks = { ...defaults?.index?.blocks, ...settings?.index?.blocks };
  const block = ['write', 'read_only', 'read_only_allow_delete'].find(
    (name) => blocks[name] === 'true',
  );
  if (block) {
    const hint = 'Free disk space, or reset the setting.';
    const text = `index ${index} is blocked: index.blocks.${block}`;
    throw new UnanimousError('rm-unavailable', text, { rm, hint });
  }
  const no = (what: string, hint: string) =>
    new UnanimousError('prepare-refused', `index ${index} ${what}`, { rm, hint });
  if (set.translog?.durability?.toLowerCase() === 'async' && !takesAsync) {
    const hint = "Set it to request, or accept the loss: durability: 'async'.";
    throw no('may lose what it confirms: index.translog.durability is async', hint);
  }
  if (routing?.required) {
    throw no('wants a routing of its own', 'Use an index whose documents are routed by their id.');
  }
  if (removes && properties?.[removedField]?.type !== 'date') {
    throw no(`does not map ${removedField}`, `Add "${removedField}": { "type": "date" }.`);
  }
  const refreshMs = milliseconds(set.refresh_interval ?? '1s');
  if (maxRefreshMs !== undefined && !(refreshMs < maxRefreshMs)) {
    const hint = 'Refresh it more often, raise applyTimeoutMs, or leave refresh out.';
    throw no(`is refreshed too rarely to wait for: ${set.refresh_interval}`, hint);
  }
}

/** `-1` is never. */
function milliseconds(interval: string): number {
  const [, amount = '', unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(interval) ?? [];
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
  return amount === '' ? Number.POSITIVE_INFINITY : Number(amount) * (units[unit] ?? 1);
}
