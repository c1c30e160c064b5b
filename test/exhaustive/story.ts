import { Acts } from './acts.ts';
import type { Variant } from './variant.ts';
import type { RuleName } from './without.ts';
import { World } from './world.ts';
import { decodeAct } from './acts.ts';

/** Plays the acts again and tells them, a sentence each. */
export function tellStory(
  variant: Variant,
  without: RuleName | undefined,
  path: readonly number[],
  drained: readonly number[] = [],
): string[] {
  const acts = new Acts(new World(variant, without));
  const story: string[] = [];
  for (const code of [...path, ...drained]) {
    const { name, a, b } = decodeAct(code);
    acts.perform(code);
    story.push(`${name} ${a} ${b}`);
  }
  return story;
}
