/** A table of the report. Numbers are shown with the digits that matter, text as it is; the first column is to the left. */
export interface Table {
  title: string;
  columns: string[];
  rows: (string | number | undefined)[][];
  notes?: string[];
}

export function renderTable({ title, columns, rows, notes = [] }: Table): string {
  const cells = [columns, ...rows.map((row) => columns.map((_, at) => cellText(row[at])))];
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => (row[at] as string).length)));
  const line = (row: string[]) =>
    row
      .map((text, at) => (at === 0 ? text.padEnd(widths[at] as number) : text.padStart(widths[at] as number)))
      .join('  ')
      .trimEnd();
  const [head = [], ...body] = cells;
  return [
    title,
    line(head),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...body.map(line),
    ...notes.map((note) => `  ${note}`),
    '',
  ].join('\n');
}

export function cellText(value: string | number | undefined): string {
  if (value === undefined || (typeof value === 'number' && Number.isNaN(value))) return '-';
  if (typeof value === 'string') return value;
  const size = Math.abs(value);
  return value.toFixed(size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2);
}
