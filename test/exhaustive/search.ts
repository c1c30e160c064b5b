import { performance } from 'node:perf_hooks';
import { Acts } from './acts.ts';
import { Drain } from './drain.ts';
import { violationIn } from './invariants.ts';
import { Origins, Rows } from './rows.ts';
import { StateSet } from './state-set.ts';
import { tellStory } from './story.ts';
import type { Variant } from './variant.ts';
import type { RuleName } from './without.ts';
import { World } from './world.ts';

/** How far a search may go. */
export interface Limits {
  readonly maxMs?: number;
  readonly maxStates?: number;
  /** Every how many states one is drained; 1 unless told. */
  readonly drainEvery?: number;
}

/** What a search has found. */
export interface Found {
  readonly variant: string;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly drains: number;
  readonly elapsedMs: number;
  /** Every reachable state was looked at. */
  readonly isComplete: boolean;
  readonly violation?: string;
  /** The shortest way to it, a sentence a step. */
  readonly story?: readonly string[];
}

/** Looks at every state that a small world can come to, nearest first. */
export function search(variant: Variant, without?: RuleName, limits: Limits = {}): Found {
  const { maxMs = Infinity, maxStates = variant.maxStates, drainEvery = 1 } = limits;
  const started = performance.now();
  const world = new World(variant, without);
  const acts = new Acts(world);
  const drain = new Drain(acts);
  const known = new StateSet();
  const origins = new Origins();
  const { s, pairs } = world;
  const base = new Uint16Array(s.length);
  const codes: number[] = [];
  let level = new Rows(s.length);
  let firstOfLevel = 0;
  let transitions = 0;
  let depth = 0;
  let isComplete = true;

  known.add(pairs);
  origins.push(0, 0);
  level.push(s);
  const report = (state?: number, action?: number, violation?: string): Found => {
    const figures = { variant: variant.name, states: known.size, transitions, depth };
    const elapsedMs = performance.now() - started;
    const found = { ...figures, drains: drain.count, elapsedMs, isComplete };
    if (state === undefined || violation === undefined) return found;
    const path = origins.pathTo(state);
    const story =
      action === undefined
        ? tellStory(variant, without, path, drain.path)
        : tellStory(variant, without, [...path, action]);
    return { ...found, violation, story };
  };
  while (level.count > 0) {
    const next = new Rows(s.length);
    for (let row = 0; row < level.count; row += 1) {
      level.read(row, base);
      const state = firstOfLevel + row;
      s.set(base);
      acts.candidates(codes);
      for (const code of codes) {
        s.set(base);
        if (!acts.perform(code)) continue;
        transitions += 1;
        if (!known.add(pairs)) continue;
        const violation = violationIn(world);
        if (violation !== undefined) return report(state, code, violation);
        origins.push(state, code);
        next.push(s);
      }
      if (state % drainEvery === 0) {
        const left = drain.run(base);
        if (left !== undefined) return report(state, undefined, left);
      }
      const isLate = (row & 1_023) === 0 && performance.now() - started > maxMs;
      if (isLate || known.size > maxStates) {
        isComplete = false;
        return report();
      }
    }
    firstOfLevel += level.count;
    level = next;
    if (next.count > 0) depth += 1;
  }
  return report();
}
