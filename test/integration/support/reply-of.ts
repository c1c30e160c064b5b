export { replyOf } from '../../../examples/support/reply-of.ts';
