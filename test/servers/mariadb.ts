export {
  hasMariadb,
  hasMysql,
  type MariadbServer,
  startMariadb,
} from '../../examples/support/mariadb-server.ts';
