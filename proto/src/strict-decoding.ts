import type {
  AnyDefinition,
  EnumTypeDefinition,
  MessageTypeDefinition,
  PackageDefinition,
  ServiceDefinition,
} from '@grpc/proto-loader';
import { checkFrame } from './frame-limits.ts';
import {
  readCoordinatorFrame,
  readPeerFrame,
  writeCoordinatorFrame,
  writePeerFrame,
} from './generated/frame-codec.ts';
import type { CoordinatorFrame, PeerFrame } from './generated/messages.js';
import { WireReader, WireWriter } from './wire-format.ts';

/** The part of a field's descriptor that is read here. */
interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

/** What has to be done to a field of a decoded message. */
type Mend = (message: Record<string, unknown>) => void;

/** Throws when bytes must not be decoded. */
type Check = (bytes: Buffer) => void;

const packageName = 'unanimous.v1';

/**
 * The services of a package, with decoders that hold what the generated types promise. As it is,
 * the loader lets an unknown enum value through as a number, rounds integers above 2^53 - 1, and
 * hands out bytes as views that keep the whole frame in memory. Here an unknown enum value becomes
 * the enum's zero ("unset: refused"), such an integer fails the call, and bytes are copied. Frames,
 * which are many, have a codec of their own that promises the same; a frame with too many messages
 * fails before it is decoded.
 */
export function withStrictDecoding(definition: PackageDefinition): PackageDefinition {
  const mendsOf = collectMends(definition);
  const strict = (typeName: string, decode: (bytes: Buffer) => object) => {
    const mends = mendsOf(typeName);
    return (bytes: Buffer): object => {
      const message = decode(bytes);
      for (const mend of mends) mend(message as Record<string, unknown>);
      return message;
    };
  };
  const strictService = (service: ServiceDefinition): ServiceDefinition =>
    Object.fromEntries(
      Object.entries(service).map(([name, method]) => {
        const { requestType, responseType, requestDeserialize, responseDeserialize } = method;
        if (method.requestStream) return [name, { ...method, ...frameCodec(method) }];
        const decoders = {
          requestDeserialize: strict(nameOf(requestType), requestDeserialize),
          responseDeserialize: strict(nameOf(responseType), responseDeserialize),
        };
        return [name, { ...method, ...decoders }];
      }),
    );
  return Object.fromEntries(
    Object.entries(definition).map(([name, entry]) => [
      name,
      isService(entry) ? strictService(entry) : entry,
    ]),
  );
}

/** Looks up the mends of a message type, each type collected once. */
function collectMends(definition: PackageDefinition): (typeName: string) => Mend[] {
  const known = new Map<string, Mend[]>();
  const mendsOf = (typeName: string): Mend[] => {
    const found = known.get(typeName);
    if (found) return found;
    const mends: Mend[] = [];
    known.set(typeName, mends);
    const type = definition[typeName] as MessageTypeDefinition<object, object>;
    for (const one of fieldsOf(type)) {
      const change = changeOf(one);
      if (change) mends.push(mendField(one, change));
    }
    return mends;
  };
  const changeOf = (field: FieldDescriptor): ((value: unknown) => unknown) | undefined => {
    const typeName = `${packageName}.${field.typeName}`;
    if (field.type === 'TYPE_ENUM') return closeEnum(definition[typeName] as EnumTypeDefinition);
    if (field.type === 'TYPE_UINT64') return (value) => checkInteger(field.name, value);
    if (field.type === 'TYPE_BYTES') return (value) => Buffer.from(value as Buffer);
    if (field.type !== 'TYPE_MESSAGE') return undefined;
    const mends = mendsOf(typeName);
    if (mends.length === 0) return undefined;
    return (value) => {
      for (const mend of mends) mend(value as Record<string, unknown>);
      return value;
    };
  };
  return mendsOf;
}

function mendField(field: FieldDescriptor, change: (value: unknown) => unknown): Mend {
  const { name } = field;
  if (field.label === 'LABEL_REPEATED') {
    return (message) => {
      const values = message[name] as unknown[];
      for (let index = 0; index < values.length; index++) values[index] = change(values[index]);
    };
  }
  return (message) => {
    const value = message[name];
    if (value !== null) message[name] = change(value);
  };
}

/** Replaces a value that the enum does not have by its zero. */
function closeEnum(definition: EnumTypeDefinition): (value: unknown) => unknown {
  const { value: members } = definition.type as { value: { name: string; number: number }[] };
  const zero = members.find(({ number }) => number === 0)?.name;
  return (value) => (typeof value === 'string' ? value : zero);
}

function checkInteger(name: string, value: unknown): unknown {
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${name}: above 2^53 - 1`);
}

/** What a frame begins with, beside its redo payloads: these are copied once, not again as it grows. */
const roomBytes = 4_096;

function lengthOfRedo(messages: readonly { readonly redo: Uint8Array }[]): number {
  let length = 0;
  for (const { redo } of messages) length += redo.byteLength;
  return length;
}

/** How the frames of a stream become bytes, and bytes frames. */
function frameCodec({ requestType, responseType }: ServiceDefinition[string]) {
  const checkRequest = frameCheck(requestType);
  const checkResponse = frameCheck(responseType);
  return {
    requestSerialize: (frame: PeerFrame): Buffer => {
      const votes = [frame.votes, ...frame.wholes.map(({ branches }) => branches)];
      const writer = new WireWriter(
        votes.reduce((sum, some) => sum + lengthOfRedo(some), roomBytes),
      );
      writePeerFrame(writer, frame);
      return writer.finish();
    },
    responseSerialize: (frame: CoordinatorFrame): Buffer => {
      const writer = new WireWriter(lengthOfRedo(frame.commits) + roomBytes);
      writeCoordinatorFrame(writer, frame);
      return writer.finish();
    },
    requestDeserialize: (bytes: Buffer): PeerFrame => {
      checkRequest(bytes);
      return readPeerFrame(new WireReader(bytes), bytes.length);
    },
    responseDeserialize: (bytes: Buffer): CoordinatorFrame => {
      checkResponse(bytes);
      return readCoordinatorFrame(new WireReader(bytes), bytes.length);
    },
  };
}

/** Messages of a peer's frame that hold any number of messages. */
const nestingTypes: ReadonlySet<string> = new Set(['Begin', 'Whole']);

/** The check of a frame, that is, of a stream's messages. */
function frameCheck(definition: MessageTypeDefinition<object, object>): Check {
  const fields = fieldsOf(definition);
  const numbers = fields.map(({ number }) => number);
  const varints = new Set(
    fields.filter(({ type }) => type !== 'TYPE_MESSAGE').map(({ number }) => number),
  );
  const nesting = new Set(
    fields.filter(({ typeName }) => nestingTypes.has(typeName)).map(({ number }) => number),
  );
  return (bytes) => checkFrame(bytes, varints, Math.max(...numbers), nesting);
}

function fieldsOf(definition: MessageTypeDefinition<object, object>): FieldDescriptor[] {
  return (definition.type as { field: FieldDescriptor[] }).field;
}

function isService(entry: AnyDefinition): entry is ServiceDefinition {
  return !('format' in entry);
}

function nameOf(definition: MessageTypeDefinition<object, object>): string {
  return `${packageName}.${(definition.type as { name: string }).name}`;
}
