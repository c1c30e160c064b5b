export {
  hasOpensearch,
  type OpensearchServer,
  startOpensearch,
} from '../../examples/support/opensearch-server.ts';
