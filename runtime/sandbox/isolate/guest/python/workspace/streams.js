// What Emscripten asks of open files. A write has reached the host when it returns: whatever ends the run, it stays.
import { blockBytes, pieceBytes } from './block-cache.js';

/** An append up to this size is one piece, whoever else appends. */
const appendBytes = 16 * 1024 * 1024;
const append = 1024;

/** `locks` hears of closing. `heap` answers the interpreter's memory. */
export function createStreams({ FS, codes, host, cache, files, heap }) {
  const memory = FS.filesystems.MEMFS.stream_ops;
  let locks;

  /** What another run removed is gone for the streams that are open on it, too. */
  function onHost(body) {
    try {
      return body();
    } catch (error) {
      if (error.errno === codes.ENOENT) throw host.refusal('ESTALE');
      throw error;
    }
  }

  const bytesOf = (buffer, offset, length) => new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length).slice();

  function sizeOf({ file }) {
    return file.orphan === undefined ? onHost(() => cache.validate(file)).bytes : file.orphan.length;
  }

  function writeAt(file, bytes, position) {
    const { value } = host.ask('fs.writeRange', { path: file.path, offset: position, version: true }, bytes.buffer);
    cache.written(file, bytes, position, value);
  }

  /** Answers where it ended. */
  function writeAtEnd(file, bytes) {
    const { value } = host.ask('fs.writeFile', { path: file.path, flag: 'a', version: true }, bytes.buffer);
    return cache.written(file, bytes, value.bytes - bytes.length, value).bytes;
  }

  function writeOrphan(file, bytes, position) {
    files.resizeOrphan(file, Math.max(file.orphan.length, position + bytes.length));
    file.orphan.bytes.set(bytes, position);
  }

  const operations = {
    open(stream) {
      const { node } = stream;
      if (FS.isDir(node.mode)) {
        // A node of the stream's own: /workspace itself has only one, which all lookups start from.
        stream.node = Object.assign(Object.create(Object.getPrototypeOf(node)), node, { isListed: true });
        return;
      }
      node.file = files.open(node.path);
      stream.shared.descriptors = 1;
    },

    dup(stream) {
      if (stream.node.file === undefined) return;
      stream.node.file.streams++;
      stream.shared.descriptors++;
    },

    close(stream) {
      const { file } = stream.node;
      if (file === undefined) return;
      stream.shared.descriptors--;
      locks.closed(stream);
      files.closed(file);
    },

    llseek(stream, offset, whence) {
      let position = offset;
      if (whence === 1) position += stream.position;
      else if (whence === 2 && FS.isFile(stream.node.mode)) position += sizeOf(stream.node);
      if (position < 0) throw host.refusal('EINVAL');
      return position;
    },

    read(stream, buffer, offset, length, position) {
      const { file } = stream.node;
      if (file.orphan === undefined) {
        try {
          return cache.read(file, buffer, offset, length, position);
        } catch (error) {
          // Another run's transaction is over, between SQLite's looking for its journal and its reading of it.
          if (error.errno === codes.ENOENT && file.path.endsWith('-journal')) return 0;
          throw error.errno === codes.ENOENT ? host.refusal('ESTALE') : error;
        }
      }
      if (file.orphan.lost) throw host.refusal('ESTALE');
      const bytes = file.orphan.bytes.subarray(position, Math.min(file.orphan.length, position + length));
      buffer.set(bytes, offset);
      return bytes.length;
    },

    write(stream, buffer, offset, length, position) {
      const { file } = stream.node;
      const appends = (stream.flags & append) !== 0;
      let done = 0;
      while (done < length) {
        const bytes = bytesOf(buffer, offset + done, Math.min(appends ? appendBytes : pieceBytes, length - done));
        try {
          if (file.orphan !== undefined) writeOrphan(file, bytes, position + done);
          else if (appends) stream.position = writeAtEnd(file, bytes) - bytes.length - done;
          else onHost(() => writeAt(file, bytes, position + done));
        } catch (error) {
          // A part is written: the next write says why it was not all.
          if (done > 0) break;
          throw error;
        }
        done += bytes.length;
      }
      return done;
    },

    fsync({ node }) {
      if (node.file?.orphan === undefined) host.ask('fs.sync', { path: node.file?.path ?? node.path });
      return 0;
    },

    /** A copy. Its changes reach the file when it is flushed or unmapped; those of others are not seen in it. */
    mmap(stream, length, position, prot, flags) {
      if (!FS.isFile(stream.node.mode)) throw host.refusal('ENODEV');
      sizeOf(stream.node);
      const nothing = { mode: stream.node.mode, contents: new Uint8Array(0), usedBytes: 0 };
      const mapped = memory.mmap({ node: nothing }, length, 0, prot, flags);
      const target = heap();
      for (let done = 0; done < length; ) {
        const read = operations.read(stream, target, (mapped.ptr >>> 0) + done, length - done, position + done);
        if (read === 0) break;
        done += read;
      }
      return mapped;
    },

    /** Writes what is not known to be there already, and nothing beyond the end. */
    msync(stream, buffer, offset, length) {
      const { file } = stream.node;
      const end = Math.min(offset + length, sizeOf(stream.node));
      for (let at = offset; at < end; ) {
        const stop = Math.min(end, (Math.floor(at / blockBytes) + 1) * blockBytes);
        const bytes = bytesOf(buffer, at - offset, stop - at);
        if (file.orphan !== undefined) writeOrphan(file, bytes, at);
        else if (!cache.holds(file, bytes, at)) onHost(() => writeAt(file, bytes, at));
        at = stop;
      }
      return 0;
    },
  };

  return {
    operations,
    tell(given) {
      locks = given;
    },
  };
}
