import { search } from './search.ts';
import { variantNamed } from './variant.ts';
for (const n of (process.argv[2] ?? '').split(',')) {
  const f = search(variantNamed(n), undefined, {
    maxStates: Number(process.argv[3]),
    drainEvery: 16,
  });
  const { story, ...rest } = f;
  console.log(JSON.stringify(rest));
  if (story) console.log(story.join('\n'));
}
