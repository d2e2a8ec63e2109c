import { type Finding, severities } from '../runtime/permission/preflight/finding.ts';
import { blocking } from '../runtime/permission/preflight/judge.ts';

/** Findings for people, worst first: a line with what and where, the mend below it. */
export function findingsTable(agent: string, findings: readonly Finding[]): string {
  const rows = findings.map((finding) => [
    finding.waived ? 'waived' : finding.severity,
    finding.check,
    whereOf(finding),
    finding.reason,
    finding.mend,
  ]);
  const widthOf = (column: number) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0));
  const widths = [widthOf(0), widthOf(1), widthOf(2)];
  const lines = rows.flatMap(([severity = '', check = '', where = '', reason = '', mend = '']) => {
    const head = [severity, check, where].map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ');
    return [`${head}  ${reason}`, `${' '.repeat(head.length)}  -> ${mend}`];
  });
  return [...lines, summary(agent, findings), ''].map(printable).join('\n');
}

function whereOf({ grant, connector, operation }: Finding): string {
  const parts = [grant, connector, operation].filter((part) => part !== undefined);
  return parts.length === 0 ? '-' : parts.join(' ');
}

function summary(agent: string, findings: readonly Finding[]): string {
  const counts = severities.map((severity) => {
    const count = findings.filter((finding) => finding.severity === severity && !finding.waived).length;
    return `${count} ${severity === 'info' ? 'notes' : `${severity}s`}`;
  });
  const waived = findings.filter((finding) => finding.waived).length;
  const verdict = blocking(findings).length === 0 ? 'an activation would pass' : 'an activation would be refused';
  return `agent ${agent}: ${[...counts, ...(waived > 0 ? [`${waived} waived`] : [])].join(', ')}; ${verdict}`;
}

/** They could move the cursor of a terminal, or turn its text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced.
const control = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

const printable = (text: string) =>
  text.replace(control, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
