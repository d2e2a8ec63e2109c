/** What the engine is told of a sandbox: every wall of a container that the engine builds stands here. */
import type { ContainerSpec } from './engine.ts';
import type { Slot } from './slot.ts';

/** The user in the images (sandbox-images/base/Dockerfile). */
export const guestUser = { uid: 10001, gid: 10001 } as const;

export const labels = {
  /** Whose containers: the id of the installation. */
  installation: 'org.cordon.installation',
  image: 'org.cordon.image',
} as const;

export interface SpecOptions {
  installation: string;
  imageTag: string;
  /** A name that the engine knows, such as `runc` or `runsc`. */
  runtime: string;
  isGvisor: boolean;
  slot: Slot;
  /** What the container may have at most while it is blank; a lease sets its run's own. */
  ramBytes: number;
  processes: number;
  cpus: number;
  /** Size of a workspace in memory; undefined: it is mounted from the host. */
  workspaceInMemory: { bytes: number; files: number } | undefined;
}

const MiB = 1024 * 1024;
/** What a container takes besides its guest: the supervisor; under gVisor its kernel too, and a stub for each process. */
export function capsFor(
  { ramBytes, processes }: { ramBytes: number; processes: number },
  { isGvisor, workspaceInMemory }: Pick<SpecOptions, 'isGvisor' | 'workspaceInMemory'>,
): { ramBytes: number; processes: number } {
  const own = isGvisor ? { ramBytes: 96 * MiB, processes: 200 + 2 * processes } : { ramBytes: 24 * MiB, processes: 1 };
  return {
    ramBytes: ramBytes + own.ramBytes + (workspaceInMemory?.bytes ?? 0),
    processes: processes + own.processes,
  };
}
/** What the engine hides by itself, and what tells of the machine besides: its load, its keys' users, its memory's layout. */
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/key-users',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/pressure',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/sys/kernel/vmcoreinfo',
];
const TMP_BYTES = 256 * MiB;
const TMP_FILES = 20_000;
const OPEN_FILES = 4096;

/** Nothing in it comes from a caller: no mount, user, working directory, environment or command of a run's choice. */
export function containerSpec(options: SpecOptions): ContainerSpec {
  const { slot, workspaceInMemory: inMemory } = options;
  const { ramBytes, processes } = capsFor(options, options);
  const owner = `uid=${guestUser.uid},gid=${guestUser.gid}`;
  return {
    Image: options.imageTag,
    Labels: { [labels.installation]: options.installation },
    Hostname: 'sandbox',
    User: `${guestUser.uid}:${guestUser.gid}`,
    WorkingDir: '/workspace',
    Env: [],
    NetworkDisabled: true,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    OpenStdin: false,
    Tty: false,
    // The supervisor lets no other signal end it: an engine that stops need not wait for it.
    StopSignal: 'SIGKILL',
    HostConfig: {
      Runtime: options.runtime,
      NetworkMode: 'none',
      IpcMode: 'private',
      PidMode: '',
      UTSMode: '',
      Privileged: false,
      CapDrop: ['ALL'],
      // The engine's own seccomp profile applies: naming none is naming the default one.
      SecurityOpt: ['no-new-privileges:true'],
      ReadonlyRootfs: true,
      Mounts: [
        { Type: 'bind', Source: slot.doorFolder, Target: '/run/cordon', ReadOnly: true },
        ...(inMemory
          ? []
          : [
              {
                Type: 'bind' as const,
                Source: slot.workspaceFolder,
                Target: '/workspace',
                // What is mounted there later, at lease, appears inside; nothing mounted inside appears here.
                BindOptions: { Propagation: 'rslave' as const },
              },
            ]),
      ],
      Tmpfs: {
        '/tmp': `rw,exec,nosuid,nodev,mode=1777,size=${TMP_BYTES},nr_inodes=${TMP_FILES}`,
        ...(inMemory
          ? {
              '/workspace': `rw,exec,nosuid,nodev,mode=755,${owner},size=${inMemory.bytes},nr_inodes=${inMemory.files + 1}`,
            }
          : {}),
      },
      ShmSize: 16 * MiB,
      Memory: ramBytes,
      // The same as Memory: no swap.
      MemorySwap: ramBytes,
      PidsLimit: processes,
      NanoCpus: options.cpus * 1e9,
      Ulimits: [
        { Name: 'nofile', Soft: OPEN_FILES, Hard: OPEN_FILES },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      MaskedPaths: maskedPaths,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      PublishAllPorts: false,
      // Not in the types of dockerode yet.
      ...{ CgroupnsMode: 'private' },
    },
  };
}
