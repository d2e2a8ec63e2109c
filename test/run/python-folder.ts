/** A folder of Python packages for one test file, new and empty before each test. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect } from 'vitest';
import type { Json } from '../../runtime/json.ts';
import type { PythonDistribution } from '../../runtime/run/python-lock.ts';
import { createPythonPackages, type PythonPackages } from '../../runtime/run/python-packages.ts';
import type { HostReply } from '../../runtime/sandbox/driver.ts';
import { sha256, wheel } from './wheel-file.ts';

export function usePythonFolder() {
  const base = mkdtempSync(join(tmpdir(), 'cordon-python-packages-'));
  let packages: PythonPackages;
  let count = 0;

  const fixture = {
    base,
    folder: '',
    logged: [] as string[],
    listed: [] as PythonDistribution[],

    writeList(given?: unknown): void {
      const content = given ?? { format: 1, distributions: fixture.listed };
      const path = join(fixture.folder, 'cordon-python.json');
      writeFileSync(`${path}.new`, typeof content === 'string' ? content : JSON.stringify(content));
      renameSync(`${path}.new`, path);
    },

    /** A pure wheel in the folder and in the list. */
    place(name: string, more: Partial<PythonDistribution> = {}): Buffer {
      const module = name.replaceAll('-', '_');
      const fileName = `${module}-1.0-py3-none-any.whl`;
      const bytes = wheel(module, '1.0', [{ name: `${module}.py`, content: `NAME = '${name}'` }]);
      writeFileSync(join(fixture.folder, fileName), bytes);
      fixture.listed.push({
        name,
        version: '1.0',
        fileName,
        sha256: sha256(bytes),
        imports: [module],
        depends: [],
        installDir: 'site',
        ...more,
      });
      fixture.writeList();
      return bytes;
    },

    call: (op: string, args: Json) => packages.call({ op, args }),

    find: (name: Json, have?: Json, from = packages): Promise<HostReply> =>
      from.call({ op: 'module.python', args: { name, ...(have === undefined ? {} : { have }) } }),

    read: (fileName: Json, offset: Json = 0, length: Json = 1000) =>
      packages.call({ op: 'module.pythonFile', args: { fileName, offset, length } }),

    /** Names in load order, or the name of the error. */
    async names(name: Json, have?: Json): Promise<string | string[]> {
      const reply = await fixture.find(name, have);
      if (!reply.ok) return reply.error.name;
      return (reply.value as unknown as { distributions: PythonDistribution[] }).distributions.map(({ name }) => name);
    },

    errorOf(reply: HostReply): { name: string; message: string; code?: string } {
      expect(reply.ok).toBe(false);
      if (reply.ok) throw new Error('unreachable');
      // The folder's place is the operator's business.
      expect(reply.error.message).not.toContain(base);
      return reply.error;
    },
  };

  beforeEach(() => {
    fixture.folder = join(base, String(count++), 'packages');
    mkdirSync(fixture.folder, { recursive: true });
    fixture.logged = [];
    fixture.listed = [];
    const error = (fields: Record<string, unknown>, message: string) =>
      void fixture.logged.push(`${message} ${fields.file ?? ''}`);
    packages = createPythonPackages(fixture.folder, { error });
  });
  afterAll(() => rmSync(base, { recursive: true }));
  return fixture;
}
