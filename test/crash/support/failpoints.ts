export { type Armed, type FailAction, Failpoints } from '../../../examples/support/failpoints.ts';
