/** The engine's own command-line client, as an operator uses it. */
import { execFile } from 'node:child_process';

export const engineAddress = process.env.CORDON_TEST_ENGINE ?? 'unix:///var/run/docker.sock';

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Never rejects: what failed is in the answer. */
export function docker(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, DOCKER_HOST: engineAddress };
    execFile('docker', args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      resolve({ code, stdout: stdout.trim(), stderr: stderr.trim() });
    });
  });
}

/** Errors: the client's last words. */
export async function must(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await docker(...args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${(stderr || stdout).slice(-2000)}`);
  return stdout;
}

/** Why there is nothing to test with; undefined: there is an engine and an image to start from. */
export async function whyNoEngine(): Promise<string | undefined> {
  if ((await docker('version')).code !== 0)
    return `no engine answers at ${engineAddress}, or there is no docker client`;
  return (await findBase()) === undefined ? 'no Debian image: npm run images makes one' : undefined;
}

/** The base of the registry, or the one that `npm run images` makes where there is no registry. */
export async function findBase(): Promise<string | undefined> {
  for (const name of ['debian:bookworm-slim', 'cordon/debian:bookworm'])
    if ((await docker('image', 'inspect', name)).code === 0) return name;
  return undefined;
}
