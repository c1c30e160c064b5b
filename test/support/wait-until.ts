export { waitUntil } from '../../examples/support/wait-until.ts';
