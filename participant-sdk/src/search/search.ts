import { UnanimousError } from '@unanimous/proto';
import type { PlacedEffect } from '../logged/effect.ts';
import { type ApplyTry, type LoggedOptions, LoggedResource } from '../logged/logged-resource.ts';
import type { Resource, RmIdentity } from '../resource.ts';
import { bulkLines, type BulkResult, bulkResults, type VersionedEffect } from './bulk-write.ts';
import { IndexCheck, isRefusal } from './index-check.ts';
import { positionVersion } from './position-version.ts';
import { type SearchClient, SearchServer } from './search-client.ts';
import { lastOfEach, type SearchEffect, searchEffect } from './search-document.ts';
import { failureError } from './search-error.ts';

/** Settings of the indexes of OpenSearch or Elasticsearch as a resource. */
export interface SearchOptions extends LoggedOptions {
  /** `new Client(…)` of OpenSearch or of Elasticsearch. It stays yours to close. */
  readonly client: SearchClient;
  /** `wait_for`: what is acknowledged as applied is found by searches. Each apply waits for it. */
  readonly refresh?: 'wait_for';
  /** `async`: takes indexes that may lose what they confirm, too. Unless told they are refused. */
  readonly durability?: 'request' | 'async';
  /** How long each question before the vote may take; 5,000 unless told. */
  readonly checkTimeoutMs?: number;
  /** How long a write may take to be confirmed; 5,000 unless told. Then it is sent again. */
  readonly confirmTimeoutMs?: number;
  /** What the name stands for; `search:CLUSTER_UUID` unless told. */
  readonly identity?: string;
}

/** Search indexes that take part in transactions. */
export interface Search extends Resource {
  /**
   * Indexes a document within the current transaction, in the place of what has this id: after the
   * commit decision, and never in the place of something newer.
   * @throws UnanimousError `no-transaction` outside of one, `invalid-argument`, `payload-too-large`,
   * and those of enlisting.
   */
  index(index: string, id: string, document: Readonly<Record<string, unknown>>): Promise<void>;
  /** Removes a document within the current transaction. Throws as `index`. See docs/search.md. */
  remove(index: string, id: string): Promise<void>;
}

/** Makes the indexes of OpenSearch or Elasticsearch a resource. It is logged. See docs/search.md. */
export function search(options: SearchOptions): Search {
  return new SearchResource(options);
}

class SearchResource extends LoggedResource<SearchEffect> implements Search {
  readonly appliesUnasked = true;
  readonly #identity: string | undefined;
  readonly #refreshes: boolean;
  readonly #checkTimeoutMs: number;
  readonly #confirmTimeoutMs: number;
  readonly #writeTimeoutMs: number;
  readonly #server: SearchServer;
  readonly #check: IndexCheck;

  constructor(options: SearchOptions) {
    super(options);
    const { rm, client, applyTimeoutMs = 30_000 } = options;
    this.#identity = options.identity;
    this.#refreshes = options.refresh === 'wait_for';
    this.#checkTimeoutMs = options.checkTimeoutMs ?? 5_000;
    this.#confirmTimeoutMs = options.confirmTimeoutMs ?? 5_000;
    // A write that waits for a refresh takes as long as that: repeated earlier, it would wait anew.
    this.#writeTimeoutMs = this.#refreshes ? applyTimeoutMs : this.#confirmTimeoutMs;
    this.#server = new SearchServer(rm, client);
    const takesAsync = options.durability === 'async';
    const maxRefreshMs = this.#refreshes ? applyTimeoutMs : undefined;
    const timeoutMs = this.#checkTimeoutMs;
    this.#check = new IndexCheck({ rm, takesAsync, timeoutMs, maxRefreshMs }, this.#server);
  }

  async index(index: string, id: string, document: Readonly<Record<string, unknown>>) {
    await this.stage(searchEffect(index, id, document));
  }

  async remove(index: string, id: string): Promise<void> {
    await this.stage(searchEffect(index, id));
  }

  protected async connect(): Promise<RmIdentity> {
    const { rm } = this;
    const request = { method: 'GET', path: '/' };
    const { cluster_uuid: uuid, version } = (await this.#server.send(
      request,
      this.#checkTimeoutMs,
    )) as Greeting;
    const { number = '', distribution } = version ?? {};
    if (distribution !== 'opensearch' && !(Number.parseInt(number, 10) >= 7)) {
      const hint = 'Use OpenSearch, or Elasticsearch 7 or later.';
      throw new UnanimousError('unsupported-protocol', `${rm}: version ${number}`, { rm, hint });
    }
    if (uuid === '_na_') {
      throw new UnanimousError('rm-unavailable', `${rm}: the cluster has not formed yet`, { rm });
    }
    return { identity: this.#identity ?? `search:${uuid}`, incarnation: '1' };
  }

  protected async checkEffects(effects: readonly SearchEffect[]): Promise<void> {
    await this.#check.check(effects);
  }

  protected async applyEffects(
    effects: readonly PlacedEffect<SearchEffect>[],
    { settle }: ApplyTry,
  ): Promise<void> {
    const { last, replaced } = lastOfEach(effects);
    // First, or one that is tried again without its successor would be taken for the last.
    for (const { place } of replaced) settle(place.index, { is: 'applied' });
    const versioned = last.flatMap((placed): VersionedEffect[] => {
      const { epoch, seq, index } = placed.place;
      const version = positionVersion({ epoch, seq });
      if (version !== undefined) return [{ ...placed, version }];
      settle(index, { is: 'refused', why: `position ${epoch}.${seq} does not fit a version` });
      return [];
    });
    if (versioned.length === 0) return;
    const indexes = [...new Set(versioned.map(({ effect }) => effect.index))];
    // The server would make a missing index anew, with a mapping that it guesses.
    await Promise.all(indexes.map((each) => this.#server.mustHave(each, this.#confirmTimeoutMs)));
    const results = await this.#write(versioned);
    if (this.#refreshes && results.includes('newer-stands')) await this.#refresh(indexes);
    this.#settle(versioned, results, settle);
  }

  async #write(effects: readonly VersionedEffect[]): Promise<readonly BulkResult[]> {
    const querystring: Record<string, string> = this.#refreshes ? { refresh: 'wait_for' } : {};
    const bulkBody = bulkLines(effects, new Date());
    const request = { method: 'POST', path: '/_bulk', querystring, bulkBody };
    const results = bulkResults(await this.#server.send(request, this.#writeTimeoutMs));
    if (results.length === effects.length) return results;
    const message = `${this.rm}: ${results.length} answers to ${effects.length} writes`;
    throw new UnanimousError('rm-unavailable', message, { rm: this.rm });
  }

  /** What is newer was written by somebody else, and may not be searchable yet. */
  async #refresh(indexes: readonly string[]): Promise<void> {
    const path = `/${indexes.map(encodeURIComponent).join(',')}/_refresh`;
    await this.#server.send({ method: 'POST', path }, this.#confirmTimeoutMs);
  }

  /** Settles each by its own result; throws for the first that is to be sent again. */
  #settle(
    effects: readonly VersionedEffect[],
    results: readonly BulkResult[],
    settle: ApplyTry['settle'],
  ): void {
    let again: UnanimousError | undefined;
    for (const [n, { effect, place }] of effects.entries()) {
      const result = results[n];
      const what = `${effect.index}/${effect.id}`;
      if (typeof result !== 'object') settle(place.index, { is: 'applied' });
      else if (!isRefusal(result)) again ??= failureError(this.rm, what, result);
      else settle(place.index, { is: 'refused', why: `${what}: ${result.reason}` });
    }
    if (again) throw again;
  }
}

interface Greeting {
  readonly cluster_uuid?: string;
  readonly version?: { readonly number?: string; readonly distribution?: string };
}
