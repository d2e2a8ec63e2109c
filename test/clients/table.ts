/** The table of clients in docs/connectors.md, as a run of a client's program makes its row. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EgressCall } from '../../runtime/egress/egress.ts';
import { readDocument, readTable, root } from '../docs/markdown.ts';
import type { ClientCase } from './cases/client-case.ts';
import type { CallTold } from './programs/record.ts';

export const columns = ['client', 'connector', 'made with', 'passed', 'refused', 'a refusal is shown in'] as const;
export type Row = Record<(typeof columns)[number], string>;

export const documentedRows = () => readTable(readDocument('docs/connectors.md'), columns) as Row[];

export const clientCell = ({ client }: ClientCase) => `\`${client}\` ${versionOf(client)}`;

/** Made of what the gate saw, which is as the case expects it, and of what the client showed. */
export function rowOf(one: ClientCase, told: CallTold[], calls: Partial<EgressCall>[]): Row {
  const passed = Object.values(one.calls).flatMap(({ gate }, at) => (told[at]?.error ? [] : gate));
  const refused = calls.filter(({ allowed }) => !allowed);
  const names = (list: Iterable<string>) => [...list].map((name) => `\`${name}\``).join(', ');
  return {
    client: clientCell(one),
    connector: `[${one.service}](connectors/${one.service}.md)`,
    'made with': `\`${one.made}\``,
    passed: `${passed.length} calls: ${names(new Set(passed))}`,
    refused: refused.map(({ operation, reason }) => `\`${operation}\` (\`${reason}\`)`).join(', '),
    'a refusal is shown in': names(placesOfRefusals(told)),
  };
}

/** The shortest name under which every refusal has the gate's words. */
function placesOfRefusals(told: CallTold[]): string[] {
  const shown = told
    .map(({ error }) =>
      Object.entries(error ?? {}).filter(([, text]) => /has no grant for|allows .* only where/.test(text)),
    )
    .filter((places) => places.length > 0)
    .map((places) => new Set(places.map(([path]) => path)));
  const [first = new Set<string>(), ...rest] = shown;
  const everywhere = [...first].filter((path) => rest.every((places) => places.has(path)));
  return everywhere.toSorted((a, b) => a.split('.').length - b.split('.').length || a.length - b.length).slice(0, 1);
}

const versionOf = (client: string): string =>
  JSON.parse(readFileSync(join(root, 'node_modules', client, 'package.json'), 'utf8')).version;
