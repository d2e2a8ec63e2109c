/** Tools for the tests of MCP, and operations of them without a server. */
import type { Operation } from '../../runtime/connector/connector.ts';
import { createMcpSupport } from '../../runtime/connector/mcp.ts';

export const weather = {
  name: 'get_weather',
  inputSchema: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] },
};

const asksNobody = createMcpSupport({ send: () => Promise.reject(new Error('nothing is to be sent')) });

export const operationsOf = async (tools: unknown[]): Promise<Operation[]> =>
  (await asksNobody.readTools('default', { url: 'https://mcp.example.com/v1/mcp', tools })).operations;

export const toolNames = (operations: readonly Operation[]): string[] =>
  operations.flatMap(({ rpc }) => (rpc?.tool === undefined ? [] : [rpc.tool]));
