/** Boots Python cold, lets it import our modules, sends its memory to the host, and ends. No guest code runs here. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reference } from 'isolated-vm';
import { openChannel } from './channel.ts';
import { loadIsolatedVm } from './isolated-vm.ts';
import { bootInterpreter, glueCode, readPython } from './python.ts';

const root = join(import.meta.dirname, '../../../..');
const library = join(root, 'python/lib');
/** Our modules get builtins of their own: what a program puts into its builtins does not reach them. */
const program = `
import builtins, importlib.machinery, sys, types

own = dict(vars(builtins))

class Loader(importlib.machinery.SourceFileLoader):
    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__dict__['__builtins__'] = own
        return module

hook = importlib.machinery.FileFinder.path_hook((Loader, ['.py']))
sys.path_hooks.insert(0, hook)
sys.path.insert(0, '/lib/cordon')
import _cordon.main
sys.path_hooks.remove(hook)
_cordon.main.prepare()
for name in ('builtins', 'importlib', 'sys', 'types', 'own', 'Loader', 'hook', '_cordon', 'name'):
    globals().pop(name, None)
`;

const ivm = loadIsolatedVm(join(root, 'native/isolated-vm.node'));
const channel = openChannel(() => {});
const assets = { get: (name: string) => readFileSync(join(root, 'assets', name), 'utf8') };
const parts = readPython(ivm, join(root, 'python'), false);
const interpreter = await bootInterpreter(ivm, assets, parts);
const files = readdirSync(library, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.py'))
  .map((name) => [`/lib/cordon/${name}`, readFileSync(join(library, name), 'utf8')]);
const make = (await interpreter.entries.get('makeSnapshot', { reference: true })) as Reference;
const made = await make.apply(undefined, [files, program], { arguments: { copy: true }, result: { copy: true } });
const { heap, state } = made as { heap: ArrayBuffer; state: string };
const code = await glueCode(interpreter, parts);
channel.send({ state, codeBytes: code.byteLength } as never, Buffer.concat([code, new Uint8Array(heap)]));
