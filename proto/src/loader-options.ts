/**
 * How messages look in memory. The loader at run time and the generator of the types both read it,
 * so what the types say is what arrives: camel-case names, each field present, 64-bit integers as
 * numbers, enums as strings, bytes as Buffer, absent messages as null.
 */
export const loaderOptions = {
  keepCase: false,
  longs: Number,
  enums: String,
  bytes: Buffer,
  defaults: true,
  arrays: true,
  objects: false,
  oneofs: true,
} as const;
