import { fc } from '../support/fast-check.ts';
import { type Field, fieldsOf, valuesOf } from './contract.ts';

/** Any message of the contract in its in-memory form. */
export function messageArbitrary<M>(name: string): fc.Arbitrary<M> {
  const fields = fieldsOf(name).map((field) => [field.name, fieldArbitrary(field)] as const);
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true }) as fc.Arbitrary<M>;
}

function fieldArbitrary(field: Field): fc.Arbitrary<unknown> {
  const value = valueArbitrary(field);
  if (field.label === 'LABEL_REPEATED') return fc.array(value, { maxLength: 4 });
  return field.type === 'TYPE_MESSAGE' ? fc.option(value) : value;
}

function valueArbitrary({ type, typeName }: Field): fc.Arbitrary<unknown> {
  switch (type) {
    case 'TYPE_STRING':
      return fc.string({ unit: 'binary', maxLength: 40 });
    case 'TYPE_UINT32':
      return fc.nat(0xff_ff_ff_ff);
    case 'TYPE_UINT64':
      return fc.maxSafeNat();
    case 'TYPE_BOOL':
      return fc.boolean();
    case 'TYPE_BYTES':
      return fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
    case 'TYPE_ENUM':
      return fc.constantFrom(...valuesOf(typeName));
    case 'TYPE_MESSAGE':
      return messageArbitrary(typeName);
    default:
      throw new Error(`no arbitrary for ${type}`);
  }
}
