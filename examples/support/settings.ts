/**
 * A setting that an example passes to its services.
 * @throws when it is missing: the example starts its services, with all they need.
 */
export function setting(name: string): string {
  const value = process.env[`EXAMPLE_${name}`];
  if (value) return value;
  throw new Error(`EXAMPLE_${name} is not set: let the example start its services`);
}

/** Tells the example that this service answers. */
export function ready(): void {
  process.stdout.write('ready\n');
}
