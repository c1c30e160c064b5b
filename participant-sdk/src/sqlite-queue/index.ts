// The public list of @unanimous/participant-sdk/sqlite-queue, kept by hand.

// Writing within transactions.
export { type SqliteQueue, sqliteQueue, type SqliteQueueOptions } from './sqlite-queue.ts';
export type { PublishOptions } from './message.ts';
export type { QueueFileOptions } from './queue-file.ts';
export type { SqliteConstructor, SqliteDatabase, SqliteStatement } from './sqlite-database.ts';

// Reading, without a coordinator.
export { openQueue, type OpenQueueOptions, type Queue } from './open-queue.ts';
export type { MessagesRequest, ReceiveRequest, ReleaseRequest } from './open-queue.ts';
export type { ConsumeOptions, Handler, HandlerContext } from './consume.ts';
export type { DeadLetter, QueueMessage } from './message.ts';
export type { DeadLetterQuery } from './dead-letter-rows.ts';
export type { TopicStats } from './queue-stats.ts';
