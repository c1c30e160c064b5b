import { describe, expect, test } from 'vitest';
import {
  contentOf,
  rabbitMessage,
  type RabbitPublishOptions,
  type RabbitTarget,
} from '../../../participant-sdk/src/rabbitmq/rabbit-message.ts';

const make = (target: RabbitTarget, content: unknown = 1, options: RabbitPublishOptions = {}) =>
  rabbitMessage(target, content, options, 'shop');

describe('a message', () => {
  test('survives the redo payload, bytes too', () => {
    const bytes = Uint8Array.of(0, 255, 128);
    const again = JSON.parse(JSON.stringify(make('orders', bytes.subarray(1))));
    expect(contentOf(again)).toEqual(Buffer.from([255, 128]));
    const text = JSON.parse(JSON.stringify(make('orders', { when: new Date(0) })));
    expect(contentOf(text).toString()).toBe('{"when":"1970-01-01T00:00:00.000Z"}');
  });

  test.each<[RabbitTarget, string, string]>([
    ['orders.placed', 'shop', 'orders.placed'],
    [{ queue: 'orders' }, '', 'orders'],
    [{ exchange: 'fanout', routingKey: '' }, 'fanout', ''],
  ])('to %o', (target, exchange, routingKey) => {
    expect(make(target)).toMatchObject({ exchange, routingKey });
  });

  test('options can’t redirect it', () => {
    const options = { exchange: 'evil', content: 'x' } as RabbitPublishOptions;
    expect(make('orders', 1, options)).toMatchObject({ exchange: 'shop', content: '1' });
  });

  test.each<[string, RabbitTarget, unknown, RabbitPublishOptions]>([
    ['target', { queue: '' }, 1, {}],
    ['routingKey', 'x'.repeat(256), 1, {}],
    ['exchange', { exchange: 'ü'.repeat(128), routingKey: '' }, 1, {}],
    ['routingKey', { queue: undefined as never }, 1, {}],
    ['content', 'orders', [undefined], {}],
    ['content.a', 'orders', { a: 1n }, {}],
    ['headers.a', 'orders', 1, { headers: { a: {} as never } }],
    ['headers.a', 'orders', 1, { headers: { a: Number.NaN } }],
    ['priority', 'orders', 1, { priority: 256 }],
    ['expirationMs', 'orders', 1, { expirationMs: -1 }],
    ['expirationMs', 'orders', 1, { expirationMs: 1.5 }],
    ['correlationId', 'orders', 1, { correlationId: 'x'.repeat(256) }],
  ])('with a wrong %s is refused before the decision', (field, target, content, options) => {
    expect(() => make(target, content, options)).toThrow(new RegExp(`^${field}`));
  });
});
