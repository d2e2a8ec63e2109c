/** Programs that import packages of the operator, and what they must answer: data for a test that runs them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Member, sha256, wheel, zipFile } from '../../run/wheel-file.ts';

interface Package {
  name: string;
  members: Member[];
  imports?: string[];
  depends?: string[];
  metadata?: string[];
}

const file = (name: string, content = ''): Member => ({ name, content });

const packages: Package[] = [
  {
    name: 'tiny',
    members: [
      file('tiny/__init__.py', 'from tiny.part import answer\nimport base\n'),
      file('tiny/part.py', 'def answer():\n    import base\n    return base.NUMBER\n'),
      file('tiny/data.txt', 'text of the package'),
    ],
    depends: ['base', 'not-listed'],
    metadata: ['Summary: a thing', 'Requires-Dist: base'],
  },
  { name: 'base', members: [file('base.py', 'NUMBER = 42\n')] },
  {
    name: 'uses-space',
    members: [file('uses_space.py', 'import space.a\nX = space.a.X\n')],
    depends: ['space-a'],
    imports: ['uses_space'],
  },
  {
    name: 'optional',
    members: [
      file(
        'optional.py',
        'HAS = []\nfor _ in range(1000):\n    try:\n        import speedups\n        HAS.append(1)\n    except ImportError:\n        pass\n',
      ),
    ],
  },
  { name: 'space-a', members: [file('space/a.py', 'X = 1\n')], imports: ['space'] },
  { name: 'space-b', members: [file('space/b.py', 'X = 2\n')], imports: ['space'] },
  {
    name: 'scattered',
    members: [
      file('scattered-1.0.data/purelib/scattered.py', 'X = 3\n'),
      file('scattered-1.0.data/scripts/run.py', 'x'),
      file('scattered-1.0.data/data/etc/thing', 'x'),
    ],
  },
  { name: 'failing', members: [file('failing.py', 'import absent_thing\n')] },
  { name: 'raising', members: [file('raising.py', 'raise ValueError("at import")\n')] },
  { name: 'empty', members: [] },
  { name: 'climbs', members: [file('climbs.py'), file('../../../climbed.py', 'x')] },
  { name: 'absolute', members: [file('absolute.py'), file('/workspace/absolute.py', 'x')] },
  { name: 'windows', members: [file('windows.py'), file('..\\windows.py', 'x')] },
  { name: 'links', members: [file('links.py'), { name: 'link', content: '/workspace', mode: 0o120777 }] },
  { name: 'bomb', members: [file('bomb.py'), { name: 'zeros', content: Buffer.alloc(257 * 1024 * 1024) }] },
  {
    name: 'liar',
    members: [file('liar.py'), { name: 'zeros', content: Buffer.alloc(1024 * 1024), declaredBytes: 10 }],
  },
  { name: 'locked', members: [{ ...file('locked.py', 'X = 1'), encrypted: true }] },
];

/** Fills a folder as `npm run python:add` does. `tampered` is changed afterwards, `broken` is no archive. */
export function placePackages(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const add = (fileName: string, bytes: Buffer, more: object) => {
    writeFileSync(join(folder, fileName), bytes);
    return { version: '1.0', fileName, sha256: sha256(bytes), depends: [], installDir: 'site', ...more };
  };
  const distributions = packages.map(({ name, members, imports = [name], depends = [], metadata }) => {
    const folded = name.replaceAll('-', '_');
    const bytes = wheel(folded, '1.0', members, metadata);
    return add(`${folded}-1.0-py3-none-any.whl`, bytes, { name, imports, depends });
  });
  distributions.push(
    add('broken-1.0-py3-none-any.whl', Buffer.from('no archive'), { name: 'broken', imports: ['broken'] }),
    add('tampered-1.0-py3-none-any.whl', zipFile([file('tampered.py')]), { name: 'tampered', imports: ['tampered'] }),
    add('large-1.0-py3-none-any.whl', largeWheel(), { name: 'large', imports: ['large'] }),
  );
  writeFileSync(join(folder, 'tampered-1.0-py3-none-any.whl'), zipFile([file('tampered.py', 'x')]));
  writeFileSync(join(folder, 'unlisted-1.0-py3-none-any.whl'), wheel('unlisted', '1.0', []));
  writeFileSync(join(folder, 'cordon-python.json'), JSON.stringify({ format: 1, distributions }));
}

/** More than one window of the guest's reader, not compressible. */
function largeWheel(): Buffer {
  const noise = Buffer.alloc(5 * 1024 * 1024);
  let state = 1;
  for (let at = 0; at < noise.length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    noise[at] = state >>> 24;
  }
  return wheel('large', '1.0', [
    { name: 'large/noise.bin', content: noise, stored: true },
    file(
      'large/__init__.py',
      `import os\nSIZE = os.path.getsize(os.path.join(os.path.dirname(__file__), 'noise.bin'))\n`,
    ),
  ]);
}

export interface PackageCase {
  what: string;
  code: string;
  /** The value of the last expression. */
  result: unknown;
}

/** The name and the text of what an import raises. */
const raised = (statement: string) =>
  `try:\n    ${statement}\n    found = ['nothing']\nexcept BaseException as error:\n    found = [type(error).__name__, getattr(error, 'name', None), str(error)]\nfound`;

/** The same, and that no file of it stays. */
const refused = (name: string, reason: string): PackageCase => ({
  what: `${name}: ${reason}`,
  code: `${raised(`import ${name}`)}[:2] + [${JSON.stringify(reason)} in found[2], __import__('os').path.exists('/lib/python3.14/site-packages-run/${name}.py')]`,
  result: ['ImportError', name, true, false],
});

export const packageCases: PackageCase[] = [
  { what: 'a package and what it needs', code: 'import tiny\ntiny.answer()', result: 42 },
  { what: 'a submodule first', code: 'from tiny.part import answer\nanswer()', result: 42 },
  { what: 'import_module', code: "import importlib\nimportlib.import_module('tiny.part').answer()", result: 42 },
  { what: 'a dependency by itself', code: 'import base\nbase.NUMBER', result: 42 },
  {
    what: 'its metadata',
    code: "import tiny\nfrom importlib.metadata import version, metadata, requires\n[version('tiny'), version('base'), metadata('tiny')['Summary'], requires('tiny')]",
    result: ['1.0', '1.0', 'a thing', ['base']],
  },
  {
    what: 'its data files',
    code: "import tiny\nfrom importlib.resources import files\nfiles('tiny').joinpath('data.txt').read_text()",
    result: 'text of the package',
  },
  { what: 'a namespace of two packages', code: 'import space.a, space.b\n[space.a.X, space.b.X]', result: [1, 2] },
  {
    what: 'a namespace of which a part was a dependency',
    code: 'import uses_space\nimport space.b\n[uses_space.X, space.b.X]',
    result: [1, 2],
  },
  { what: 'a .data folder', code: 'import scattered\nscattered.X', result: 3 },
  { what: 'more than one window of bytes', code: 'import large\nlarge.SIZE', result: 5 * 1024 * 1024 },
  { what: 'an optional import that is missing, a thousand times', code: 'import optional\noptional.HAS', result: [] },
  {
    what: 'find_spec of what is there and what is not',
    code: "from importlib.util import find_spec\n[find_spec('base').name, find_spec('numpy'), find_spec('_private'), find_spec('tkinter')]",
    result: ['base', null, null, null],
  },
  {
    what: 'a missing module says where packages come from',
    code: `${raised('import numpy')}[:2] + ['CORDON_PYTHON_PACKAGES' in found[2], found[2].startswith("No module named 'numpy'. ")]`,
    result: ['ModuleNotFoundError', 'numpy', true, true],
  },
  {
    what: 'a missing part of the standard library is not asked for',
    code: raised('import tkinter'),
    result: ['ModuleNotFoundError', 'tkinter', "No module named 'tkinter'"],
  },
  {
    what: 'what a package itself does not find',
    code: `${raised('import failing')}[:2]`,
    result: ['ModuleNotFoundError', 'absent_thing'],
  },
  { what: 'what a package raises', code: raised('import raising'), result: ['ValueError', null, 'at import'] },
  {
    what: 'a package without its module',
    code: `${raised('import empty')}[:2]`,
    result: ['ModuleNotFoundError', 'empty'],
  },
  {
    what: 'a finder that the program adds is asked too',
    code: "import sys, importlib.util\nclass Own:\n    @staticmethod\n    def find_spec(name, path=None, target=None):\n        if name == 'mine':\n            return importlib.util.spec_from_loader('mine', Loader())\nclass Loader:\n    def create_module(self, spec): return None\n    def exec_module(self, module): module.X = 7\nsys.meta_path.append(Own)\nimport mine\nmine.X",
    result: 7,
  },
  {
    what: 'the traceback of a missing module has the line of the program only',
    code: 'import traceback\ntry:\n    import numpy\nexcept ImportError as error:\n    count = len(traceback.extract_tb(error.__traceback__))\ncount',
    result: 1,
  },
  {
    what: 'a wheel that is not listed',
    code: `${raised('import unlisted')}[:2] + ['npm run python:add FILE.whl' in found[2]]`,
    result: ['ModuleNotFoundError', 'unlisted', true],
  },
  refused('tampered', 'SHA-256 differs'),
  refused('broken', 'not a zip file'),
  refused('climbs', 'plain file inside the package'),
  refused('absolute', 'plain file inside the package'),
  refused('windows', 'plain file inside the package'),
  refused('links', 'plain file inside the package'),
  refused('bomb', 'may unpack'),
  refused('liar', 'zeros'),
  refused('locked', 'encrypted'),
];
