import { expect, test } from 'vitest';
import { ApplyProgress } from '../../../participant-sdk/src/logged/apply-progress.ts';

test('results stay until the branch is finished', () => {
  const progress = new ApplyProgress();
  progress.of('a').set(0, { is: 'applied' });
  expect(progress.of('a').get(0)).toEqual({ is: 'applied' });
  progress.forget('a');
  expect(progress.of('a').size).toBe(0);
});

test('the branch tried longest ago is forgotten first', () => {
  const progress = new ApplyProgress(2);
  for (const branch of ['a', 'b', 'a', 'c']) progress.of(branch).set(0, { is: 'applied' });
  expect(progress.of('a').size).toBe(1);
  expect(progress.of('b').size).toBe(0);
});
