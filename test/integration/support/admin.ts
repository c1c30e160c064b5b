export { Admin } from '../../../examples/support/admin.ts';
