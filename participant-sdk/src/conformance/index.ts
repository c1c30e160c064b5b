// The public list of @unanimous/participant-sdk/conformance, kept by hand.
export { casesLeftOut, type CaseLeftOut, conformanceCases } from './conformance-cases.ts';
export type { ConformanceCase } from './conformance-case.ts';
export { ConformanceError } from './conformance-error.ts';
export type { ConformanceChild, ConformanceSubject } from './subject.ts';
