/** Under gVisor. Debian's old runsc fails the self-test at `ls`, so `auto` takes runc there; the tests take it nevertheless. */
import { containerContract } from './contract.ts';
import { noGvisor } from './engine.ts';

const pids = 'processes of a gVisor sandbox cannot be told apart from outside';
const inodes =
  'this gVisor bounds neither bytes nor files of a tmpfs; what is too much is refused when it is brought back';

containerContract('containers under gVisor', {
  runtime: 'gvisor',
  without: await noGvisor(),
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
