/** The worker's end of the host channel: descriptor 3. */
import { Socket } from 'node:net';
import { encodeFrame, frameReader } from '../../frames.ts';
import type { HostMessage, WorkerMessage } from '../protocol.ts';

/** The host is trusted; the bound only keeps a broken stream from eating the memory. */
const MAX_FRAME_BYTES = 512 * 1024 * 1024;

export interface Channel {
  send(message: WorkerMessage, bytes?: Uint8Array): void;
}

/** When the host closes the channel, the worker ends: nothing of it may outlive the service. */
export function openChannel(onMessage: (message: HostMessage, bytes: Buffer | undefined) => void): Channel {
  const socket = new Socket({ fd: 3, readable: true, writable: true });
  const feed = frameReader(MAX_FRAME_BYTES, (header, bytes) => onMessage(header as HostMessage, bytes));
  socket.on('data', feed);
  socket.on('error', () => process.exit(1));
  socket.on('close', () => process.exit(0));
  return { send: (message, bytes) => void socket.write(encodeFrame(message, bytes)) };
}
