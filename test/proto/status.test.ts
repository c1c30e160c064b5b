import { Metadata, Server, ServerCredentials, credentials, status as Status } from '@grpc/grpc-js';
import { fc } from '../support/fast-check.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cutEncoded, decodeHeaderText, encodeHeaderText } from '../../proto/src/header-text.ts';
import {
  type CoordinatorClient,
  type CoordinatorHandlers,
  coordinatorService,
  CoordinatorServiceClient,
  type ErrorCode,
  errorCodes,
  fromServiceError,
  metadataKeys,
  reason,
  statusOf,
  toServiceError,
  UnanimousError,
} from '../../proto/src/index.ts';

const texts = fc.string({ unit: 'binary', maxLength: 80 });
const codes = fc.constantFrom(...errorCodes);
const errors = fc
  .record({
    code: codes,
    message: texts,
    hint: texts,
    gid: fc.option(texts, { nil: undefined }),
    rm: fc.option(texts, { nil: undefined }),
    reason: fc.option(
      fc.record({ code: codes, message: texts, hint: texts, rm: texts, retryable: fc.boolean() }),
      { nil: undefined },
    ),
    retryable: fc.boolean(),
    retryAfterMs: fc.option(fc.integer({ min: 1, max: 600_000 }), { nil: undefined }),
  })
  .map(({ code, message, ...details }) => {
    const given = Object.entries(details).filter(([, value]) => value !== undefined);
    const rm = details.reason && {
      reason: { ...details.reason, rm: details.reason.rm.slice(0, 20) },
    };
    return new UnanimousError(code, message, { ...Object.fromEntries(given), ...rm });
  });

/** What of an error travels. */
function told(error: UnanimousError): object {
  const { code, message, hint, gid, rm, reason: noVoter, retryable, retryAfterMs } = error;
  return { code, message, hint, gid, rm, reason: noVoter, retryable, retryAfterMs };
}

test('each code has the status that tells other languages what to do', () => {
  expect(statusOf('aborted')).toBe(Status.ABORTED);
  expect(statusOf('unknown')).toBe(Status.UNKNOWN);
  expect(statusOf('overloaded')).toBe(Status.RESOURCE_EXHAUSTED);
  expect(statusOf('not-owner')).toBe(Status.PERMISSION_DENIED);
  expect(statusOf('unsupported-protocol')).toBe(Status.FAILED_PRECONDITION);
  expect(statusOf('malformed-gid')).toBe(Status.INVALID_ARGUMENT);
  // gRPC itself answers these when nobody knows the outcome.
  expect(errorCodes.map(statusOf)).not.toContain(Status.DEADLINE_EXCEEDED);
  expect(errorCodes.map(statusOf)).not.toContain(Status.OK);
  const retryable: string[] = errorCodes.filter((code) => new UnanimousError(code, '').retryable);
  const mayRetry = [Status.ABORTED, Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED];
  for (const code of retryable) expect(mayRetry).toContain(statusOf(code as ErrorCode));
});

describe('an error', () => {
  test('is the same after it has travelled as a status', () => {
    fc.assert(
      fc.property(errors, (error) => {
        const travelled = fromServiceError(toServiceError(error));
        expect(told(travelled)).toEqual(told(error));
      }),
    );
  });

  test('has trailers below 8 KiB, whatever it says', () => {
    fc.assert(
      fc.property(
        codes,
        fc.constantFrom('é', '"', '\\', 'a', '%', '\0', '😀'),
        (code, character) => {
          const text = character.repeat(20_000);
          const noVoter = { code, message: text, hint: text, rm: text, retryable: true };
          const details = { hint: text, gid: text, rm: text, reason: noVoter, retryAfterMs: 1_000 };
          const sent = toServiceError(new UnanimousError(code, text, details));
          const headers = { ...sent.metadata.toHttp2Headers(), message: encodeURI(sent.details) };
          const size = Object.entries(headers).reduce((sum, [key, value]) => {
            return sum + key.length + String(value).length + 32;
          }, 0);
          expect(size).toBeLessThan(8_192);
          expect(fromServiceError(sent)).toMatchObject({ code, reason: { code } });
        },
      ),
    );
  });

  test('that is not ours is internal', () => {
    expect(toServiceError(new TypeError('oops'))).toMatchObject({
      code: Status.INTERNAL,
      details: 'oops',
    });
  });

  test('with half a character is mended', () => {
    const sent = toServiceError(new UnanimousError('internal', 'a\ud800b', { hint: '\udc00' }));
    expect(() => encodeURI(sent.details)).not.toThrow();
    expect(fromServiceError(sent)).toMatchObject({ message: 'a\ufffdb', hint: '\ufffd' });
  });
});

describe('a failure that nobody of ours answered', () => {
  const silent = (code: Status, trailers: Record<string, string> = {}) => {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
    return Object.assign(new Error('14'), { code, details: 'No connection', metadata });
  };

  test('is what the caller says it is: a commit passes unknown', () => {
    const statuses = [Status.UNAVAILABLE, Status.CANCELLED, Status.ABORTED, Status.UNIMPLEMENTED];
    for (const status of statuses) {
      const error = fromServiceError(silent(status), 'unknown');
      expect(error).toMatchObject({ code: 'unknown', retryable: false });
    }
  });

  test('is unreachable otherwise, and only UNAVAILABLE may be tried again', () => {
    expect(fromServiceError(silent(Status.UNAVAILABLE))).toMatchObject({
      code: 'unreachable',
      message: 'UNAVAILABLE: No connection',
      retryable: true,
    });
    expect(fromServiceError(silent(Status.ABORTED)).retryable).toBe(false);
    expect(fromServiceError(silent(Status.UNIMPLEMENTED)).code).toBe('unsupported-protocol');
  });

  test('is not mistaken for an abort because of its status', () => {
    const statuses = Object.values(Status).filter((status) => typeof status === 'number');
    const codesOfSilence = statuses.map((status) => fromServiceError(silent(status)).code);
    expect(new Set(codesOfSilence)).toEqual(new Set(['unreachable', 'unsupported-protocol']));
  });

  test('that is no gRPC error at all keeps its message', () => {
    expect(fromServiceError(new Error('oops'))).toMatchObject({ code: 'internal' });
    expect(fromServiceError('oops', 'unknown')).toMatchObject({ code: 'unknown', message: 'oops' });
  });

  test('a code of a newer version means at least what its status says', () => {
    const newer = { [metadataKeys.code]: 'brand-new', [metadataKeys.retryable]: 'true' };
    expect(fromServiceError(silent(Status.ABORTED, newer))).toMatchObject({
      code: 'aborted',
      retryable: true,
    });
    expect(fromServiceError(silent(Status.DATA_LOSS, newer)).code).toBe('internal');
    expect(fromServiceError(silent(Status.DATA_LOSS, newer), 'unknown').code).toBe('unknown');
  });

  test('hostile trailers are ignored', () => {
    const hostile = {
      [metadataKeys.code]: 'aborted',
      [metadataKeys.hint]: '%zz',
      [metadataKeys.retryAfterMs]: '1e999',
      [metadataKeys.reason]: '{"code":1}',
    };
    expect(fromServiceError(silent(Status.ABORTED, hostile))).toMatchObject({
      code: 'aborted',
      hint: '%zz',
      reason: undefined,
      retryAfterMs: undefined,
    });
  });
});

test('header text keeps its blanks and stays readable', () => {
  expect(encodeHeaderText(' 100 % of Zürich ')).toBe('%20100 %25 of Z%C3%BCrich%20');
  expect(encodeHeaderText(' ')).toBe('%20');
});

test('header text is printable ASCII without blanks at its ends, and reads back', () => {
  fc.assert(
    fc.property(texts, fc.nat(60), (text, maxBytes) => {
      const whole = encodeHeaderText(text);
      expect(whole).toMatch(/^([!-~]([ -~]*[!-~])?)?$/);
      expect(decodeHeaderText(whole)).toBe(text);
      const part = cutEncoded(text, maxBytes, encodeHeaderText);
      expect(text.startsWith(part)).toBe(true);
      expect(part.length === text.length || whole.length > maxBytes).toBe(true);
    }),
  );
});

describe('through a real gRPC server', () => {
  const server = new Server();
  let client: CoordinatorClient;
  let answer: UnanimousError;

  beforeAll(async () => {
    const get: CoordinatorHandlers['Get'] = (_call, callback) => callback(toServiceError(answer));
    const session: CoordinatorHandlers['Session'] = (call) => {
      call.on('error', () => {});
      call.on('data', () => call.emit('error', toServiceError(answer)));
    };
    server.addService(coordinatorService, { Get: get, Session: session });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    client = new CoordinatorServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
  });

  afterAll(() => {
    client.close();
    server.forceShutdown();
  });

  const ask = () =>
    new Promise<UnanimousError>((resolve, reject) => {
      client.get({ gid: '' }, (error) =>
        error ? resolve(fromServiceError(error)) : reject(new Error('no error')),
      );
    });

  test('an error of a call arrives as it was', async () => {
    const details = {
      gid: '4f1c9a7be203-2-1045',
      rm: 'orders-db',
      reason: reason('constraint-violated', 'Zürich – "x" is 100 % taken\n', 'orders-db'),
      retryAfterMs: 250,
    };
    answer = new UnanimousError('aborted', 'orders-db voted no: Zürich 😀\n%41', details);
    expect(told(await ask())).toEqual(told(answer));
    const any = fc.asyncProperty(errors, async (error) => {
      answer = error;
      expect(told(await ask())).toEqual(told(error));
    });
    await fc.assert(any, { numRuns: 100 });
  });

  const sessionError = (bytes?: Buffer) =>
    new Promise<UnanimousError>((resolve) => {
      const { path } = coordinatorService.Session;
      const raw = (frame: Buffer) => frame;
      const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, raw, raw, new Metadata());
      call.on('data', () => {});
      call.on('error', (error) => resolve(fromServiceError(error, 'session-lost')));
      call.write(bytes ?? Buffer.alloc(0));
    });

  test('an error of a session arrives as it was', async () => {
    answer = new UnanimousError('unsupported-protocol', 'speaks 1, you speak 2');
    expect(told(await sessionError())).toEqual(told(answer));
  });

  test('a frame that may not be decoded ends its session and nothing else', async () => {
    answer = new UnanimousError('not-live', 'ended');
    const crowded = Buffer.alloc(20_000, Buffer.from([0x22, 0]));
    expect(await sessionError(crowded)).toMatchObject({ code: 'session-lost' });
    expect(await sessionError(Buffer.from([0xff]))).toMatchObject({ code: 'session-lost' });
    expect(await ask()).toMatchObject({ code: 'not-live' });
  });
});
