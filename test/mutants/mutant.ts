/** A text that stands in a source file exactly once, and what a defect has in its place. */
export interface Defect {
  /** What it does wrong: "sends commit before the decision is durable". */
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A row of docs/guarantees.md that breaks, or another promise, in a few words. */
export type Guarantee = `rule ${number}` | `scenario ${number}` | `promise: ${string}`;

/** Production code with one defect, and the tests that must find it. */
export interface Mutant extends Defect {
  /** What it breaks. */
  readonly breaks: readonly Guarantee[];
  /**
   * Tests each of which may kill it, tried in this order: `FILE`, or `FILE > TITLE`, the title being
   * any part of a test's full name.
   */
  readonly tests: readonly string[];
  /** Of the file of its only test no other test may fail: the rule fails alone, and says its name. */
  readonly alone?: true;
}

/**
 * The source with the defect.
 * @throws Error when the text to replace does not stand there exactly once: the mutant is stale.
 */
export function withDefect(source: string, { file, from, to }: Omit<Defect, 'name'>): string {
  const count = source.split(from).length - 1;
  if (count !== 1) throw new Error(`${file} has ${count} times: ${from}`);
  return source.replace(from, () => to);
}
