// The codec of a session's frames, as straight code: from the descriptors of the .proto files, the
// functions that write and read each message in the form that proto/src/frames.ts promises.
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { loaderOptions } from '../proto/src/loader-options.ts';

/** A field as its descriptor says. */
interface Field {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

interface EnumType {
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

/** How a scalar is written, read, told to be set, and what it is when it is not. */
interface Scalar {
  readonly wireType: 0 | 2;
  readonly method: 'text' | 'bytes' | 'uint32' | 'uint64' | 'bool';
  readonly empty: string;
  readonly isSet: (value: string) => string;
}

const scalars: Readonly<Record<string, Scalar>> = {
  TYPE_STRING: { wireType: 2, method: 'text', empty: "''", isSet: (value) => value },
  TYPE_BYTES: {
    wireType: 2,
    method: 'bytes',
    empty: 'WireReader.noBytes',
    isSet: (v) => `${v}?.length`,
  },
  TYPE_UINT32: { wireType: 0, method: 'uint32', empty: '0', isSet: (value) => value },
  TYPE_UINT64: { wireType: 0, method: 'uint64', empty: '0', isSet: (value) => value },
  TYPE_BOOL: { wireType: 0, method: 'bool', empty: 'false', isSet: (value) => value },
};

const roots = ['PeerFrame', 'CoordinatorFrame'];
const bytesType = 2;

/** The text of `generated/frame-codec.ts`. */
export function frameCodec(protoDir: string): string {
  const definition = loadSync('unanimous/v1/session.proto', {
    ...loaderOptions,
    includeDirs: [protoDir],
  });
  const typeOf = (name: string) => {
    return (definition[`unanimous.v1.${name}`] as MessageTypeDefinition<object, object>).type;
  };
  const fieldsOf = (name: string) => (typeOf(name) as { field: Field[] }).field;
  const messages = new Set<string>();
  const enums = new Set<string>();
  const visit = (name: string): void => {
    if (messages.has(name)) return;
    messages.add(name);
    for (const { type, typeName } of fieldsOf(name)) {
      if (type === 'TYPE_MESSAGE') visit(typeName);
      if (type === 'TYPE_ENUM') enums.add(typeName);
    }
  };
  for (const root of roots) visit(root);
  const names = [...messages, ...enums].toSorted();
  return [
    '// Written by `npm run proto:generate`.',
    `import type { ${names.join(', ')} } from './messages.js';`,
    "import { WireReader, WireWriter } from '../wire-format.ts';",
    '',
    ...[...enums].toSorted().map((name) => enumTables(name, typeOf(name) as unknown as EnumType)),
    ...[...messages].toSorted().flatMap((name) => {
      const fields = fieldsOf(name);
      return [boundOf(name, fields), writerOf(name, fields), readerOf(name, fields)];
    }),
    ...roots.map((name) => boundsOf(name, fieldsOf(name))),
  ].join('\n');
}

function enumTables(name: string, { value }: EnumType): string {
  if (value.some((member, index) => member.number !== index)) {
    throw new Error(`${name}: the codec wants numbers from 0 on, without a gap`);
  }
  const numbers = value.map((member) => `${member.name}: ${member.number}`).join(', ');
  const words = value.map((member) => `'${member.name}'`).join(', ');
  return [
    `const numberOf${name}: Record<${name}, number> = { ${numbers} };`,
    `const wordsOf${name}: readonly [${name}, ...${name}[]] = [${words}];`,
    '',
  ].join('\n');
}

/** Most bytes that a tag and a number take, of either size. */
const numberBytes = 12;
/** Most bytes that a tag and a length take. */
const lengthBytes = 7;

/** How many bytes a message takes at most, in a message that holds it. */
function boundOf(name: string, fields: readonly Field[]): string {
  let fixed = lengthBytes;
  const sums: string[] = [];
  for (const field of fields) {
    const value = `message.${field.name}`;
    const method = scalars[field.type]?.method;
    if (method === 'text') sums.push(`  bytes += WireWriter.boundOf(${value});`);
    else if (method === 'bytes') sums.push(`  bytes += ${lengthBytes} + ${value}.length;`);
    else if (field.type !== 'TYPE_MESSAGE') fixed += numberBytes;
    else if (isRepeated(field)) {
      sums.push(`  for (const one of ${value}) bytes += bound${field.typeName}(one);`);
    } else sums.push(`  if (${value}) bytes += bound${field.typeName}(${value});`);
  }
  const start = sums.length === 0 ? 'const' : 'let';
  return [
    `function bound${name}(${sums.length === 0 ? '_' : ''}message: ${name}): number {`,
    `  ${start} bytes = ${fixed};`,
    ...sums,
    '  return bytes;',
    '}',
    '',
  ].join('\n');
}

/** The bounds of all messages of a frame, by the field in which they stand. */
function boundsOf(name: string, fields: readonly Field[]): string {
  return [
    `export const boundsOf${name} = {`,
    ...fields.filter(isRepeated).map((field) => `  ${field.name}: bound${field.typeName},`),
    '};',
    '',
  ].join('\n');
}

function tagOf(field: Field): number {
  const wireType = scalars[field.type]?.wireType ?? (field.type === 'TYPE_ENUM' ? 0 : bytesType);
  return field.number * 8 + wireType;
}

function writerOf(name: string, fields: readonly Field[]): string {
  const lines = fields.map((field) => {
    const value = `message.${field.name}`;
    const tag = tagOf(field);
    const scalar = scalars[field.type];
    if (scalar) return `  if (${scalar.isSet(value)}) writer.${scalar.method}(${tag}, ${value});`;
    if (field.type === 'TYPE_ENUM')
      return `  writer.word(${tag}, numberOf${field.typeName}[${value}]);`;
    const nested = (one: string) =>
      `{ const at = writer.open(${tag}); write${field.typeName}(writer, ${one}); writer.close(at); }`;
    return isRepeated(field)
      ? `  for (const one of ${value}) ${nested('one')}`
      : `  if (${value}) ${nested(value)}`;
  });
  return [
    `export function write${name}(writer: WireWriter, message: ${name}): void {`,
    ...lines,
    '}',
    '',
  ].join('\n');
}

function readerOf(name: string, fields: readonly Field[]): string {
  const variables = fields.map((field) => {
    if (isRepeated(field)) return `  const ${field.name}: ${field.typeName}[] = [];`;
    const scalar = scalars[field.type];
    if (scalar?.method === 'bytes') return `  let ${field.name}: Buffer = WireReader.noBytes;`;
    if (scalar) return `  let ${field.name} = ${scalar.empty};`;
    if (field.type === 'TYPE_ENUM') return `  let ${field.name} = wordsOf${field.typeName}[0];`;
    return `  let ${field.name}: ${field.typeName} | null = null;`;
  });
  const cases = fields.map((field) => `      case ${tagOf(field)}: ${readOf(field)}; break;`);
  return [
    `export function read${name}(reader: WireReader, end: number): ${name} {`,
    ...variables,
    '  while (reader.at < end) {',
    '    const tag = reader.uint32();',
    '    switch (tag) {',
    ...cases,
    '      default: reader.skip(tag);',
    '    }',
    '  }',
    '  reader.checkEnd(end);',
    `  return { ${fields.map((field) => field.name).join(', ')} };`,
    '}',
    '',
  ].join('\n');
}

function readOf(field: Field): string {
  const scalar = scalars[field.type];
  if (scalar?.method === 'uint64') return `${field.name} = reader.uint64('${field.name}')`;
  if (scalar) return `${field.name} = reader.${scalar.method}()`;
  if (field.type === 'TYPE_ENUM') {
    return `${field.name} = reader.word(wordsOf${field.typeName})`;
  }
  const nested = `read${field.typeName}(reader, reader.end())`;
  return isRepeated(field) ? `${field.name}.push(${nested})` : `${field.name} = ${nested}`;
}

function isRepeated({ label }: Field): boolean {
  return label === 'LABEL_REPEATED';
}
