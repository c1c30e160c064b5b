import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EnumTypeDefinition, loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { protoDir } from '../../proto/src/definition.ts';
import { loaderOptions } from '../../proto/src/loader-options.ts';

/** A field as the contract declares it, by its name in memory. */
export interface Field {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

const files = ['session', 'coordinator', 'admin'].map((name) => `unanimous/v1/${name}.proto`);
const contract = loadSync(files, { ...loaderOptions, includeDirs: [protoDir] });

/** The .proto files: name and text. */
export const protoFiles = files.map((name) => ({
  name,
  text: readFileSync(join(protoDir, name), 'utf8'),
}));

/** Names of all messages. */
export const messageNames = Object.keys(contract)
  .filter((name) => contract[name]?.format === 'Protocol Buffer 3 DescriptorProto')
  .map((name) => name.replace('unanimous.v1.', ''));

/** The loader's own definition of a message. */
function messageType(name: string): MessageTypeDefinition<object, object> {
  return contract[`unanimous.v1.${name}`] as MessageTypeDefinition<object, object>;
}

/** Fields of a message, in the order of the file. */
export function fieldsOf(message: string): readonly Field[] {
  return (messageType(message).type as { field: Field[] }).field;
}

/** Names of an enum's values. */
export function valuesOf(name: string): readonly string[] {
  const { type } = contract[`unanimous.v1.${name}`] as EnumTypeDefinition;
  return (type as { value: { name: string }[] }).value.map((value) => value.name);
}
