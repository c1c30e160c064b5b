// The public list of @unanimous/participant-sdk/redis, kept by hand.

export { type RedisCache, redisCache, type RedisCacheOptions } from './redis-cache.ts';
export type { Loaded } from './cache-reader.ts';
export { type RedisStreams, redisStreams, type RedisStreamsOptions } from './redis-stream.ts';
export type { StreamPublishOptions } from './stream-message.ts';
export type { IoredisClient, NodeRedisClient, RedisClient } from './redis-client.ts';
export { type Bullmq, bullmq, type BullmqOptions, type BullmqQueue } from './bullmq.ts';
