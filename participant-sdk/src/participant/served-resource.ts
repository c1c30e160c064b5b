import { failpoint, UnanimousError } from '@unanimous/proto';
import { type Ambient, sleep, within } from '../ambient.ts';
import { backoffMs } from '../backoff.ts';
import { describeError, type Log } from '../logger.ts';
import type { Resource, RmIdentity } from '../resource.ts';
import type { Link } from '../session/link.ts';
import { Positions } from './positions.ts';

/** What a served resource needs of the participant. */
export interface ServedResourcePorts {
  readonly ambient: Ambient;
  readonly log: Log;
  /** Served on a new session: say votes again, then scan. */
  onServed(served: ServedResource, link: Link): void;
}

const wireKinds = { native: 'NATIVE', logged: 'LOGGED', last: 'LAST' } as const;

const retry = { firstMs: 100, maxMs: 5_000 };

interface Waiter {
  resolve(link: Link): void;
  reject(error: UnanimousError): void;
}

/** One resource, and on which session it is served now. One that is down holds up no other. */
export class ServedResource {
  readonly resource: Resource;
  readonly positions: Positions;
  readonly #ports: ServedResourcePorts;
  readonly #waiters = new Set<Waiter>();
  #identity: RmIdentity | undefined;
  #link: Link | undefined;
  #announcedOn: Link | undefined;
  #isClosed = false;

  constructor(resource: Resource, ports: ServedResourcePorts) {
    this.resource = resource;
    this.#ports = ports;
    this.positions = new Positions(resource, ports.ambient, ports.log);
  }

  get rm(): string {
    return this.resource.rm;
  }

  /** Of the data that this process sees. */
  get incarnation(): string {
    return this.#identity?.incarnation ?? '';
  }

  /** The session on which the coordinator has acknowledged it. */
  get link(): Link | undefined {
    return this.#link?.isOver ? undefined : this.#link;
  }

  /** Opens the resource. @throws UnanimousError with the remedy. */
  async open(): Promise<void> {
    this.#identity = await this.resource.open();
  }

  /** Serves it on a session, and tries again until the session is over or it is closed. */
  async announce(link: Link): Promise<void> {
    if (!this.#identity || this.#announcedOn === link) return; // `open` comes first, and once will do
    this.#announcedOn = link;
    const { ambient, log } = this.#ports;
    for (let failures = 1; !link.isOver && !this.#isClosed; failures++) {
      try {
        await this.#announceOnce(link);
        return;
      } catch (error) {
        if (link.isOver || this.#isClosed) return;
        log('rm.serve-failed', { rm: this.rm, ...describeError(error) });
        this.#rejectWaiters(UnanimousError.from(error, 'rm-unavailable'));
        await sleep(ambient, backoffMs(ambient, retry, failures));
      }
    }
  }

  /**
   * Opens it again after a failed scan: behind its address another server may answer, which failed
   * over or was restored. It is announced anew when it is not what it was. Never rejects.
   */
  async reopen(link: Link): Promise<void> {
    const was = this.#identity;
    try {
      this.#identity = await this.resource.open();
    } catch {
      return; // down: the scan has said so, and the next one comes
    }
    const { identity, incarnation } = this.#identity;
    if (identity === was?.identity && incarnation === was.incarnation) return;
    this.#ports.log('rm.changed', { rm: this.rm, was, identity, incarnation });
    this.#announcedOn = undefined;
    this.#link = undefined; // nothing is begun in it before the coordinator has accepted what it is now
    void this.announce(link);
  }

  /** The session on which it is served, as soon as there is one. */
  whenServed(limitMs: number): Promise<Link> {
    if (this.link) return Promise.resolve(this.link);
    let waiter: Waiter | undefined;
    const served = new Promise<Link>((resolve, reject) => {
      waiter = { resolve, reject };
      this.#waiters.add(waiter);
    });
    return within(this.#ports.ambient, limitMs, served, () => {
      if (waiter) this.#waiters.delete(waiter);
      const message = `${this.rm} is not served: the coordinator has not acknowledged it`;
      throw new UnanimousError('not-connected', message, { rm: this.rm });
    });
  }

  /** Serves no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.positions.close();
    this.#rejectWaiters(new UnanimousError('closed', `${this.rm} is closed`));
    try {
      await this.resource.close();
    } catch (error) {
      this.#ports.log('rm.close-failed', { rm: this.rm, ...describeError(error) });
    }
  }

  async #announceOnce(link: Link): Promise<void> {
    const { resource } = this;
    const { welcome } = link;
    if (!welcome || !this.#identity) return;
    const seen = await resource.remembered(welcome.logId as Parameters<Resource['remembered']>[0]);
    failpoint('p.serve.before-send', this.rm);
    await link.ask('serves', {
      rm: this.rm,
      identity: this.#identity.identity,
      incarnation: this.#identity.incarnation,
      kind: wireKinds[resource.kind],
      seen: seen ?? null,
      takesWork: resource.acceptWork !== undefined,
    });
    if (link.isOver || this.#isClosed) return;
    this.#link = link;
    this.#ports.log('rm.served', { rm: this.rm, identity: this.#identity.identity });
    this.#ports.onServed(this, link);
    for (const waiter of this.#waiters) waiter.resolve(link);
    this.#waiters.clear();
  }

  #rejectWaiters(error: UnanimousError): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }
}
