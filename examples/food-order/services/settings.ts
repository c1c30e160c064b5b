/**
 * A setting that the demo passes to its services.
 * @throws when it is missing: the services are started by the demo, with all they need.
 */
export function setting(name: string): string {
  const value = process.env[`FOOD_ORDER_${name}`];
  if (!value)
    throw new Error(`FOOD_ORDER_${name} is not set; start the services with npm run demo`);
  return value;
}

/** Tells the demo that this service answers. */
export function ready(): void {
  process.stdout.write('ready\n');
}
