import { UnanimousError } from '@unanimous/proto';

/** What some work throws, as the log's users see it; work that throws nothing fails the test. */
export function errorOf(work: () => unknown): UnanimousError {
  try {
    work();
  } catch (error) {
    return UnanimousError.from(error);
  }
  throw new Error('it did not fail');
}
