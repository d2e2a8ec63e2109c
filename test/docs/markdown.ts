/** Reads this project's documents: fenced blocks and tables. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');
export const readDocument = (path: string) => readFileSync(join(root, path), 'utf8');

export interface Example {
  /** The nearest heading above. */
  heading: string;
  /** 1-based line of the opening fence. */
  line: number;
  code: string;
  /** Set by `<!-- not run: WHY -->` right above the fence. */
  notRun?: string;
  /** The block that directly follows: what the example prints. */
  expected?: { language: 'json' | 'text'; text: string };
}

interface Fence {
  language: string;
  heading: string;
  line: number;
  text: string;
  notRun?: string;
}

/** Every ```sh block, with the ```json or ```text block after it. */
export function readExamples(markdown: string): Example[] {
  const fences = readFences(markdown);
  return fences.flatMap((fence, at): Example[] => {
    if (fence.language !== 'sh') return [];
    const next = fences[at + 1];
    const { heading, line, text: code, notRun } = fence;
    const answers = next !== undefined && (next.language === 'json' || next.language === 'text');
    return [
      {
        heading,
        line,
        code,
        ...(notRun !== undefined && { notRun }),
        ...(answers && { expected: { language: next.language as 'json' | 'text', text: next.text } }),
      },
    ];
  });
}

function readFences(markdown: string): Fence[] {
  const fences: Fence[] = [];
  let heading = '';
  let notRun: string | undefined;
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [at, text] of markdown.split('\n').entries()) {
    if (open !== undefined) {
      if (text !== '```') {
        open.lines.push(text);
        continue;
      }
      const { language, line, lines } = open;
      fences.push({ language, heading, line, text: lines.join('\n'), ...(notRun !== undefined && { notRun }) });
      open = undefined;
      notRun = undefined;
    } else if (text.startsWith('```')) open = { language: text.slice(3), line: at + 1, lines: [] };
    else if (/^#+ /.test(text)) heading = text.replace(/^#+ /, '');
    else notRun = /^<!-- not run: (.+) -->$/.exec(text)?.[1] ?? (text === '' ? notRun : undefined);
  }
  return fences;
}

/** Rows of the table whose header has these columns, as cells by column. Errors: there is no such table. */
export function readTable(markdown: string, columns: readonly string[]): Record<string, string>[] {
  const lines = markdown.split('\n');
  const at = lines.findIndex((line) => line.startsWith('|') && cells(line).join() === columns.join());
  if (at < 0) throw new Error(`there is no table with the columns ${columns.join(', ')}`);
  const rows: Record<string, string>[] = [];
  for (const line of lines.slice(at + 2)) {
    if (!line.startsWith('|')) break;
    const found = cells(line);
    if (found.length !== columns.length) throw new Error(`${found.length} cells instead of ${columns.length}: ${line}`);
    rows.push(Object.fromEntries(columns.map((name, index) => [name, found[index] ?? ''])));
  }
  return rows;
}

/** `\|` is a bar inside a cell. */
const cells = (line: string) =>
  line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));

/** What stands between backticks. */
export const codeSpans = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);
