/** Which containers Cordon makes, for the proxy in front of an engine: exactly what container-spec.ts writes. */
import { isDeepStrictEqual } from 'node:util';
import { containerSpec, guestUser, labels } from '../runtime/sandbox/container/container-spec.ts';
import { imageNames } from '../runtime/sandbox/container/image-names.ts';
import { gvisorNames } from '../runtime/sandbox/container/runtimes.ts';

export interface CreateRules {
  installationLabel: string;
  isImage(tag: string): boolean;
  /** The folder of a container's door: in the data directory, and no link on the way. */
  isDoor(path: string): boolean;
}

/** `folder`: the `containers` folder of the data directory, the same path here and on the engine's machine. */
export function rulesFor(folder: string, images: readonly string[], isPlain: (path: string) => boolean): CreateRules {
  const own = new RegExp(`^cordon/(${imageNames.join('|')}):[0-9a-f]{16}$`);
  return {
    installationLabel: labels.installation,
    isImage: (tag) => own.test(tag) || images.includes(tag),
    isDoor: (path) =>
      path.startsWith(`${folder}/`) && /^\/[\w-]+\/door$/.test(path.slice(folder.length)) && isPlain(path),
  };
}

/** What a request claims to be; each member is compared afterwards. */
interface Asked {
  Image: string;
  Labels: Record<string, string>;
  Entrypoint?: unknown[];
  HostConfig: {
    Runtime: string;
    Mounts: { Source: string }[];
    Tmpfs: Record<string, string>;
    Memory: number;
    MemorySwap: number;
    PidsLimit: number;
    NanoCpus: number;
  };
}

/** Whether it is, member by member, what Cordon would ask for: a container for a run, or gVisor's self-test. */
export function mayCreate(spec: unknown, rules: CreateRules): boolean {
  try {
    const asked = spec as Asked;
    const installation = asked.Labels[labels.installation];
    if (!rules.isImage(asked.Image) || !/^[0-9a-f]{16}$/.test(String(installation))) return false;
    return isDeepStrictEqual(asked, plain(selfTest(asked))) || isRun(asked, rules);
  } catch {
    // A member that is missing or of another kind.
    return false;
  }
}

/** Limits of a container that runs. */
export function mayUpdate(limits: unknown): boolean {
  const { Memory, MemorySwap, PidsLimit, ...others } = limits as Record<string, unknown>;
  return [Memory, PidsLimit].every(isPositive) && Memory === MemorySwap && Object.keys(others).length === 0;
}

/** With its workspace in memory: where Cordon may not mount, no other place of the machine is bound into a container. */
function isRun(asked: Asked, rules: CreateRules): boolean {
  const { Runtime, Mounts, Tmpfs, Memory, MemorySwap, PidsLimit, NanoCpus } = asked.HostConfig;
  const [, bytes, inodes] = /,size=(\d+),nr_inodes=(\d+)$/.exec(Tmpfs['/workspace'] ?? '') ?? [];
  const inMemory = { bytes: Number(bytes), files: Number(inodes) - 1 };
  const doorFolder = String(Mounts[0]?.Source);
  const expected = containerSpec({
    installation: String(asked.Labels[labels.installation]),
    imageTag: asked.Image,
    runtime: Runtime,
    isGvisor: isGvisor(Runtime),
    slot: { doorFolder, workspaceFolder: '', close: async () => {} },
    ramBytes: Memory,
    processes: PidsLimit,
    cpus: NanoCpus / 1e9,
    workspaceInMemory: inMemory,
  });
  // What a container takes besides its guest is the driver's to know: any bound will do, as long as there is one.
  const bounded = { ...expected, HostConfig: { ...expected.HostConfig, Memory, MemorySwap, PidsLimit } };
  return (
    (Runtime === 'runc' || isGvisor(Runtime)) &&
    [Memory, PidsLimit, NanoCpus, inMemory.bytes, inMemory.files].every(isPositive) &&
    Memory === MemorySwap &&
    rules.isDoor(doorFolder) &&
    isDeepStrictEqual(asked, plain(bounded))
  );
}

/** Any script: it has no network, nothing of the machine is bound, and the root is read-only. */
function selfTest({ Image, Labels, Entrypoint, HostConfig }: Asked): unknown {
  const script = Entrypoint?.[2];
  if (typeof script !== 'string' || !isGvisor(HostConfig.Runtime)) return {};
  return {
    Image,
    Labels: { [labels.installation]: Labels[labels.installation] },
    User: `${guestUser.uid}:${guestUser.gid}`,
    Entrypoint: ['/bin/bash', '-c', script],
    Cmd: [],
    NetworkDisabled: true,
    HostConfig: {
      Runtime: HostConfig.Runtime,
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'none', Config: {} },
    },
  };
}

const isPositive = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0;

const isGvisor = (name: string) => (gvisorNames as readonly string[]).includes(name);

/** As it arrives: undefined members are gone. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
