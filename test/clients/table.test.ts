import { expect, test } from 'vitest';
import { clientCases } from './cases/all.ts';
import { clientCell, documentedRows } from './table.ts';

// That the rows are true is held where the clients run.
test('the documented table has every client that the tests run, in its version, and no other', () => {
  expect(documentedRows().map(({ client }) => client)).toEqual(clientCases.map(clientCell));
});
