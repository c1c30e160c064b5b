import { describe, expect, test } from 'vitest';
import {
  adminService,
  AdminServiceClient,
  coordinatorService,
  CoordinatorServiceClient,
  newCoordinatorFrame,
  newPeerFrame,
} from '../../proto/src/index.ts';
import { fieldsOf, messageNames, protoFiles } from './contract.ts';

describe.each(protoFiles)('$name', ({ text }) => {
  const lines = text.split('\n');

  test('says of each message, field, enum, value, service and method what it means', () => {
    const bare = lines.filter((line, index) => {
      const isDeclaration =
        /^(message|enum|service) /.test(line) || /^ {2}(rpc |[\w. ]+ = \d+;)/.test(line);
      return isDeclaration && !/^\s*\/\/ \S/.test(lines[index - 1] ?? '');
    });
    expect(bare).toEqual([]);
    expect(lines.filter((line) => /^ {2}(rpc |[\w. ]+ = \d+;)/.test(line)).length).toBeGreaterThan(
      9,
    );
  });

  test('keeps to 100 columns, without tabs', () => {
    expect(lines.filter((line) => line.length > 100 || line.includes('\t'))).toEqual([]);
  });

  test('gives each enum a zero that says unset', () => {
    for (const [, body] of text.matchAll(/^enum \w+ \{\n([^}]*)\}/gm)) {
      expect(body).toMatch(/^ {2}\/\/ Unset[^\n]*\n {2}\w+_UNSPECIFIED = 0;/);
    }
  });
});

test.each(messageNames)('%s numbers its fields from 1, in the order of the file', (name) => {
  const numbers = fieldsOf(name).map((field) => field.number);
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
});

test('new frames have all fields, in the order in which a receiver handles them', () => {
  const peer = fieldsOf('PeerFrame').map((field) => field.name);
  const coordinator = fieldsOf('CoordinatorFrame').map((field) => field.name);
  expect(Object.keys(newPeerFrame())).toEqual(peer);
  expect(Object.keys(newCoordinatorFrame())).toEqual(coordinator);
});

test('the services have these methods', () => {
  expect(Object.values(coordinatorService).map((method) => method.path)).toEqual([
    '/unanimous.v1.Coordinator/Session',
    '/unanimous.v1.Coordinator/Begin',
    '/unanimous.v1.Coordinator/Enlist',
    '/unanimous.v1.Coordinator/Commit',
    '/unanimous.v1.Coordinator/Abort',
    '/unanimous.v1.Coordinator/Get',
  ]);
  expect(Object.values(adminService).map((method) => method.path)).toEqual([
    '/unanimous.v1.Admin/Status',
    '/unanimous.v1.Admin/List',
    '/unanimous.v1.Admin/Show',
    '/unanimous.v1.Admin/Resolve',
  ]);
  expect(CoordinatorServiceClient.prototype).toHaveProperty('session');
  expect(AdminServiceClient.prototype).toHaveProperty('resolve');
});
