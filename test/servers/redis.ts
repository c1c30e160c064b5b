export {
  hasRedis,
  type RedisPersistence,
  type RedisServer,
  startRedis,
} from '../../examples/support/redis-server.ts';
