export { freePort } from '../../examples/support/free-port.ts';
