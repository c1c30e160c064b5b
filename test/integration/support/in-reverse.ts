export { InReverse } from '../../../examples/support/in-reverse.ts';
