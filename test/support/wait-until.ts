export { waitUntil, type WaitUntilOptions } from '../../examples/support/wait-until.ts';
