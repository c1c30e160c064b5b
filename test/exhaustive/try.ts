import { search } from './search.ts';
import { variants } from './variant.ts';
for (const v of variants) {
  const f = search(v);
  console.log(f, Math.round((f.states / f.elapsedMs) * 1000));
}
