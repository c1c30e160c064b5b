export { TopicReader } from '../../../examples/support/topic-reader.ts';
