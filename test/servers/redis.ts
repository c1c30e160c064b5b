export {
  hasRedis,
  type RedisServer,
  startRedis,
} from '../../examples/support/redis-server.ts';
