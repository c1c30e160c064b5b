export {
  hasMariadb,
  type MariadbServer,
  startMariadb,
} from '../../examples/support/mariadb-server.ts';
