import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import {
  awsRegion,
  engineAddress,
  folder,
  folderToMake,
  httpAddress,
  integer,
  list,
  masterKey,
  oneOf,
  optional,
  type Setting,
  secretsPrefix,
  setting,
  text,
  wallList,
} from './setting-values.ts';

const cores = availableParallelism();
const GiB = 1024 ** 3;
const DAY_MS = 24 * 3_600_000;

/**
 * Every setting of Cordon: the only place that reads the environment.
 * docs/SETTINGS.md is this table, and a test holds both together.
 */
export const settings = {
  host: setting('CORDON_HOST', '127.0.0.1', text, 'address to listen on'),
  port: setting('CORDON_PORT', 7700, integer(0, 65535), 'port to listen on; 0 takes a free one'),
  dataDir: setting('CORDON_DATA', '.cordon', text, 'data directory'),
  adminKey: optional(
    'CORDON_ADMIN_KEY',
    text,
    'the first operator key, kept in admin-key in the data directory; unset: made at first start',
    true,
  ),
  durability: setting(
    'CORDON_DURABILITY',
    'disk' as 'disk' | 'process',
    oneOf('disk', 'process'),
    '`disk`: acknowledged means flushed; `process`: survives a crash of Cordon, not of the machine',
  ),
  requireWalls: setting(
    'CORDON_REQUIRE_WALLS',
    [] as string[],
    wallList,
    'walls without which no run starts: a list of names, or `all`',
  ),
  jsPackages: optional('CORDON_JS_PACKAGES', folder, 'folder with packages that guests may import'),
  logLevel: setting(
    'CORDON_LOG_LEVEL',
    'info' as 'debug' | 'info' | 'warn' | 'error' | 'silent',
    oneOf('debug', 'info', 'warn', 'error', 'silent'),
    'least level that is logged',
  ),
  maxRunning: setting(
    'CORDON_MAX_RUNNING',
    Math.max(16, cores * 8),
    integer(1, 10_000),
    'runs that use the CPU at once; waiting ones give their turn back',
  ),
  maxResident: setting(
    'CORDON_MAX_RESIDENT',
    512,
    integer(1, 100_000),
    'runs that hold a sandbox at once, waiting ones included',
  ),
  queueLength: setting('CORDON_QUEUE_LENGTH', 10_000, integer(1, 1_000_000), 'queued runs of all agents together'),
  blankWorkers: setting(
    'CORDON_BLANK_WORKERS',
    4,
    integer(0, 1000),
    'worker processes kept ready that belong to no agent yet',
  ),
  maxWorkers: setting(
    'CORDON_MAX_WORKERS',
    Math.max(8, Math.min(64, Math.floor(totalmem() / (GiB / 4)))),
    integer(1, 10_000),
    'worker processes at most',
  ),
  workersPerAgent: setting(
    'CORDON_WORKERS_PER_AGENT',
    Math.max(1, Math.min(4, cores)),
    integer(1, 1000),
    'worker processes of one agent at most',
  ),
  workerIdleMs: setting(
    'CORDON_WORKER_IDLE_MS',
    60_000,
    integer(0, 86_400_000),
    'how long an idle worker of an agent is kept',
  ),
  workerRamBytes: setting(
    'CORDON_WORKER_RAM_BYTES',
    4 * GiB,
    integer(256 * 1024 * 1024, 1024 * GiB),
    'memory of one worker process, held from outside',
  ),
  pythonRamBytes: setting(
    'CORDON_PYTHON_RAM_BYTES',
    Math.max(GiB, Math.min(8 * GiB, Math.floor(totalmem() / 4))),
    integer(512 * 1024 * 1024, 1024 * GiB),
    'memory for Python interpreters of all agents; runs that need more wait',
  ),
  pythonPackages: optional(
    'CORDON_PYTHON_PACKAGES',
    folderToMake,
    'folder with Python packages that guests may import, filled by `npm run python:add`',
  ),
  engine: setting(
    'CORDON_ENGINE',
    'unix:///var/run/docker.sock',
    engineAddress,
    'where the container engine listens; `none`: there are no containers here',
  ),
  containerRuntime: setting(
    'CORDON_CONTAINER_RUNTIME',
    'auto' as 'auto' | 'runc' | 'gvisor',
    oneOf('auto', 'runc', 'gvisor'),
    '`auto`: gVisor where its self-test passes, else runc',
  ),
  containerImages: setting(
    'CORDON_CONTAINER_IMAGES',
    [] as string[],
    list,
    'further images that runs and agents may name, made from the images of Cordon',
  ),
  warmContainers: setting(
    'CORDON_WARM_CONTAINERS',
    1,
    integer(0, 100),
    'blank containers kept ready of each image of Cordon',
  ),
  maxContainers: setting(
    'CORDON_MAX_CONTAINERS',
    Math.max(8, cores * 4),
    integer(1, 1000),
    'containers at once, warm ones included; further runs wait',
  ),
  containerRamBytes: setting(
    'CORDON_CONTAINER_RAM_BYTES',
    Math.max(GiB, Math.floor(totalmem() / 2)),
    integer(256 * 1024 * 1024, 1024 * GiB),
    'sum of `ramBytes` of the containers at once; further runs wait',
  ),
  containerCpus: setting('CORDON_CONTAINER_CPUS', 1, integer(1, 1024), 'CPU cores that one container can use'),
  masterKey: optional(
    'CORDON_MASTER_KEY',
    masterKey,
    'encrypts credentials: 32 bytes in base64; unset: made at first start and kept in master-key in the data directory',
    true,
  ),
  credentialWarnMs: setting(
    'CORDON_CREDENTIAL_WARN_MS',
    30 * DAY_MS,
    integer(0, 10 ** 12),
    'age of a secret from which the pre-flight audit warns',
  ),
  credentialMaximumMs: optional(
    'CORDON_CREDENTIAL_MAXIMUM_MS',
    integer(1, 10 ** 12),
    'age of a secret from which it is refused; unset: never',
  ),
  vaultAddress: optional(
    'CORDON_VAULT_ADDR',
    httpAddress,
    'address of HashiCorp Vault or OpenBao, for secrets that are kept there',
  ),
  vaultMount: setting('CORDON_VAULT_MOUNT', 'secret', text, 'mount of its KV engine (version 2)'),
  vaultToken: optional('CORDON_VAULT_TOKEN', text, 'token for it', true),
  vaultRoleId: optional('CORDON_VAULT_ROLE_ID', text, 'AppRole for it, instead of a token'),
  vaultSecretId: optional('CORDON_VAULT_SECRET_ID', text, 'secret id of the AppRole', true),
  awsRegion: optional(
    'CORDON_AWS_REGION',
    awsRegion,
    'region of AWS Secrets Manager, for secrets that are kept there; credentials as AWS clients find them',
  ),
  awsSecretsPrefix: optional('CORDON_AWS_SECRETS_PREFIX', secretsPrefix, 'what the names of its secrets begin with'),
  egressRequestBytes: setting(
    'CORDON_EGRESS_REQUEST_BYTES',
    32 * 1024 * 1024,
    integer(1024, GiB),
    'largest body of a request to a service',
  ),
  egressHeldBytes: setting(
    'CORDON_EGRESS_HELD_BYTES',
    512 * 1024 * 1024,
    integer(1024, 1024 * GiB),
    'bodies of requests of all runs together that are held while they are judged, approved and sent',
  ),
  egressResponseBytes: setting(
    'CORDON_EGRESS_RESPONSE_BYTES',
    32 * 1024 * 1024,
    integer(1024, 64 * GiB),
    'largest body of a response of a service, decoded',
  ),
  egressCallMs: setting(
    'CORDON_EGRESS_CALL_MS',
    300_000,
    integer(100, 24 * 3_600_000),
    'longest call of a service, from the first byte to the last',
  ),
  approvalWaitMs: setting(
    'CORDON_APPROVAL_WAIT_MS',
    600_000,
    integer(100, 24 * 3_600_000),
    'how long a call waits for its approval',
  ),
  approvalWebhook: optional(
    'CORDON_APPROVAL_WEBHOOK',
    httpAddress,
    'address that is told of each call that waits for an approval',
  ),
  keepAuditMs: setting('CORDON_KEEP_AUDIT_MS', 365 * DAY_MS, integer(0, 10 ** 13), 'how long audit entries are kept'),
  bodyBytes: setting(
    'CORDON_BODY_BYTES',
    64 * 1024 * 1024,
    integer(1024, GiB),
    'largest request body, except for files',
  ),
  codeBytes: setting('CORDON_CODE_BYTES', 1024 * 1024, integer(1024, 64 * 1024 * 1024), 'largest `code`'),
  inputBytes: setting(
    'CORDON_INPUT_BYTES',
    8 * 1024 * 1024,
    integer(1024, 64 * 1024 * 1024),
    'largest `input` as JSON',
  ),
  requestFilesBytes: setting(
    'CORDON_REQUEST_FILES_BYTES',
    32 * 1024 * 1024,
    integer(1024, GiB),
    'largest sum of `files` of one request',
  ),
  fileBytes: setting('CORDON_FILE_BYTES', GiB, integer(1024, 1024 * GiB), 'largest file of a PUT'),
  keepRunsMs: setting(
    'CORDON_KEEP_RUNS_MS',
    30 * 24 * 3_600_000,
    integer(0, 10 ** 12),
    'how long finished runs are kept',
  ),
  keepRuns: setting(
    'CORDON_KEEP_RUNS',
    100_000,
    integer(0, 10 ** 9),
    'how many finished runs are kept, of all tenants',
  ),
  drainMs: setting('CORDON_DRAIN_MS', 30_000, integer(0, 3_600_000), 'how long SIGTERM waits for running runs'),
  minimumFreeBytes: setting(
    'CORDON_MINIMUM_FREE_BYTES',
    64 * 1024 * 1024,
    integer(0, 1024 * GiB),
    'free disk below which writes are refused',
  ),
} as const;

type Settings = typeof settings;
export type Config = { readonly [K in keyof Settings]: Settings[K]['default'] };

export class ConfigError extends Error {}

/** Variables that look like settings and are none: said at start, since a misspelt limit is a missing limit. */
export function unknownSettings(env: Record<string, string | undefined>): string[] {
  const known = new Set<string>(Object.values(settings).map((entry) => entry.env));
  return Object.keys(env).filter(
    (name) => name.startsWith('CORDON_') && !name.startsWith('CORDON_TEST_') && !known.has(name),
  );
}

/** Reads the settings from an environment. Errors: ConfigError that names the variable. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const config: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const raw = env[entry.env];
    try {
      config[name] = raw === undefined || raw === '' ? entry.default : entry.parse(raw);
    } catch (error) {
      throw new ConfigError(`${entry.env} ${(error as Error).message}`);
    }
  }
  config.dataDir = resolve(config.dataDir as string);
  return config as Config;
}

/** Settings as `/v1/config` shows them: the secret ones only say whether they are set. */
export function publicConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    (Object.entries(settings) as [keyof Config, Setting<unknown>][]).map(([name, entry]) => [
      name,
      entry.secret ? (config[name] === undefined ? 'unset' : 'set') : config[name],
    ]),
  );
}

/** Version of Cordon, from package.json. */
export function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
