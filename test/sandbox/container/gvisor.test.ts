/** Under gVisor. Debian's old runsc fails the self-test at `ls`, so `auto` takes runc there; the tests take it nevertheless. */
import { createEngine } from '../../../runtime/sandbox/container/engine.ts';
import { containerContract } from './contract.ts';
import { engineAddress, noEngine } from './engine.ts';

const without = await (async () => {
  if (noEngine !== undefined) return noEngine;
  const engine = createEngine(engineAddress);
  try {
    return (await engine.facts()).runtimes.includes('runsc') ? undefined : 'the engine has no runtime runsc';
  } finally {
    engine.close();
  }
})();

const pids = 'processes of a gVisor sandbox cannot be told apart from outside';
const inodes =
  'this gVisor bounds neither bytes nor files of a tmpfs; what is too much is refused when it is brought back';

containerContract('containers under gVisor', {
  runtime: 'gvisor',
  without,
  languages: ['shell', 'python'],
  cannot: {
    'when the worker was killed': pids,
    'never share a worker': pids,
    'a worker that dies': pids,
    'that are forgotten leave no process': pids,
    'files that the guest catches': inodes,
    'files and the file before': inodes,
    'workspaceBytes that the guest catches': inodes,
    'workspaceBytes in': inodes,
  },
});
