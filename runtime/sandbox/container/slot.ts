/** A container's place on the host: the folder with its sockets, and the folder where its workspace is mounted. */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { chmod, rm, rmdir } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Slot {
  /** Bound into the container, read-only. */
  readonly doorFolder: string;
  /** Empty folder of the host; what is mounted here appears in the container. */
  readonly workspaceFolder: string;
  /** Takes connections until it is closed; no new ones afterwards. */
  close(): Promise<void>;
}

/** Who hears of new connections, by the name of their socket in the container. */
export interface SlotSockets {
  /** `door.sock`: the supervisor, and what programs ask of Cordon. */
  door(socket: Socket): void;
  /** `egress.sock`: what programs call outside. */
  egress(socket: Socket): void;
}

/**
 * Makes the folders and listens. `root` is private to the service, so that only the container finds the socket in it.
 * Errors: what the file system says.
 */
export async function openSlot(root: string, id: string, sockets: SlotSockets): Promise<Slot> {
  const folder = join(root, id);
  const doorFolder = join(folder, 'door');
  const workspaceFolder = join(folder, 'workspace');
  for (const made of [doorFolder, workspaceFolder]) mkdirSync(made, { recursive: true, mode: 0o755 });
  // Open until the servers are closed, which removes the sockets by this same path.
  const fd = openSync(doorFolder, constants.O_RDONLY | constants.O_DIRECTORY);
  const servers: Server[] = [];
  const stop = () => {
    for (const server of servers) server.close();
    closeSync(fd);
  };
  try {
    for (const name of ['door', 'egress'] as const) {
      const server = createServer({ pauseOnConnect: false }, sockets[name]);
      servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        // Linux keeps socket addresses of 107 bytes; the folder may lie deeper.
        server.listen(`/proc/self/fd/${fd}/${name}.sock`, resolve);
      });
      // Any user of the container may connect: whoever else could is kept out by the folder above.
      await chmod(join(doorFolder, `${name}.sock`), 0o666);
    }
  } catch (error) {
    stop();
    throw error;
  }
  return {
    doorFolder,
    workspaceFolder,
    async close() {
      // Waits for nobody: its connections end with the container.
      stop();
      await rm(doorFolder, { recursive: true, force: true });
      const folders = [workspaceFolder, folder];
      if (!(await removed(folders))) void removeLater(folders);
    },
  };
}

const [FIRST_TRY_MS, LAST_TRY_MS] = [100, 100_000];

/** Only when empty: the agent's files may be mounted here for a moment yet. */
async function removeLater(folders: string[]): Promise<void> {
  for (let ms = FIRST_TRY_MS; ms < LAST_TRY_MS; ms *= 2) {
    await sleep(ms, undefined, { ref: false });
    if (await removed(folders)) return;
  }
}

async function removed(folders: string[]): Promise<boolean> {
  try {
    for (const folder of folders) await rmdir(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
