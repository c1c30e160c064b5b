import { performance } from 'node:perf_hooks';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Prints the demo: plain lines in a pipe; on a terminal also one live line at the bottom. */
export class Screen {
  readonly #out = process.stdout;
  readonly #startedMs = performance.now();
  readonly #isLive = this.#out.isTTY && process.env.TERM !== 'dumb';
  readonly #isColoured = this.#isLive && !process.env.NO_COLOR;
  #live = '';

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  /** A headline. */
  act(text: string): void {
    this.line('');
    this.line(this.style('bold', text));
  }

  /** An event, with its time. */
  event(text: string, style?: Style): void {
    const time = `${this.seconds.toFixed(1).padStart(6)} s  `;
    this.line(time + (style ? this.style(style, text) : text));
  }

  /** More about the event above. */
  detail(text: string): void {
    this.line(`          ${text}`);
  }

  /** A line of its own. */
  line(text: string): void {
    this.#clear();
    this.#out.write(`${text}\n`);
    this.#draw();
  }

  /** What the live line says; nothing in a pipe. */
  live(text: string): void {
    if (!this.#isLive) return;
    this.#clear();
    this.#live = text.slice(0, this.#out.columns - 1);
    this.#draw();
  }

  /** Colours a text where colours are wanted. */
  style(style: Style, text: string): string {
    return this.#isColoured ? styleText(style, text) : text;
  }

  #clear(): void {
    if (this.#live) this.#out.write('\r\x1b[K');
  }

  #draw(): void {
    if (this.#live) this.#out.write(this.style('dim', this.#live));
  }
}
