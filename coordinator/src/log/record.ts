export * from '../protocol/record.ts';
