/**
 * The lock: a shared object without symbols that the dynamic loader runs before node's first instruction. It closes
 * every inherited fd above the channel and puts on the filter that no longer allows execve.
 *
 * bubblewrap has to execute node after its own filter stands, so that filter must allow execve, and a filter cannot
 * tell one path from another. The lock closes this gap; and where no bubblewrap can run, it is the whole filter, since
 * seccomp needs no privilege. It is assembled here, so that nothing is compiled on the user's machine.
 */
export function seccompLock(arch: 'x64' | 'arm64', filter: Buffer): Buffer {
  const code = arch === 'x64' ? codeX64(filter.length / 8) : codeArm64(filter.length / 8);
  const file = Buffer.alloc(dataAt + 16 * 8);
  elfHeader(arch).copy(file, 0);
  const textEnd = codeAt + code.length + filter.length;
  // Separate segments, as the loader writes into the dynamic section: nothing is writable and executable.
  programHeader(file, 0, { type: 1, flags: 5, at: 0, size: textEnd, align: segmentAlign });
  programHeader(file, 1, { type: 1, flags: 6, at: dataAt, size: 16 * 8, align: segmentAlign });
  programHeader(file, 2, { type: 2, flags: 6, at: dataAt, size: 16 * 8, align: 8 });
  // PT_GNU_STACK without the execute bit: its absence would make every stack executable.
  programHeader(file, 3, { type: 0x6474e551, flags: 6, at: 0, size: 0, align: 16 });
  file.writeUInt32LE(1, hashAt);
  file.writeUInt32LE(1, hashAt + 4);
  code.copy(file, codeAt);
  filter.copy(file, codeAt + code.length);
  const dynamic: [tag: number, value: number][] = [
    [4, hashAt], // DT_HASH
    [5, stringsAt], // DT_STRTAB
    [6, symbolsAt], // DT_SYMTAB
    [10, 1], // DT_STRSZ
    [11, 24], // DT_SYMENT
    [12, codeAt], // DT_INIT
    [0, 0],
  ];
  dynamic.forEach(([tag, value], index) => {
    file.writeBigUInt64LE(BigInt(tag), dataAt + index * 16);
    file.writeBigUInt64LE(BigInt(value), dataAt + index * 16 + 8);
  });
  return file;
}

// File offsets, which are addresses too. 64 KiB is the largest page size of both machines.
const segmentAlign = 0x10000;
const symbolsAt = 0x200; // one null symbol
const stringsAt = 0x220; // one empty string
const hashAt = 0x228; // one bucket, one chain, both empty
const codeAt = 0x240;
const dataAt = segmentAlign;
/** Both programs are padded to this, so that their filter is at a fixed distance. */
const codeBytes = 128;

/** elf(5), Elf64_Ehdr. */
function elfHeader(arch: 'x64' | 'arm64'): Buffer {
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(3, 16); // ET_DYN
  header.writeUInt16LE(arch === 'x64' ? 62 : 183, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(64n, 32); // program headers follow
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(4, 56);
  header.writeUInt16LE(64, 58);
  return header;
}

function programHeader(
  file: Buffer,
  index: number,
  header: { type: number; flags: number; at: number; size: number; align: number },
) {
  const at = 64 + index * 56;
  file.writeUInt32LE(header.type, at);
  file.writeUInt32LE(header.flags, at + 4);
  for (const offset of [8, 16, 24]) file.writeBigUInt64LE(BigInt(header.at), at + offset);
  for (const offset of [32, 40]) file.writeBigUInt64LE(BigInt(header.size), at + offset);
  file.writeBigUInt64LE(BigInt(header.align), at + 48);
}

function codeX64(filterLength: number): Buffer {
  const length = Buffer.from(Uint16Array.of(filterLength).buffer).toString('hex');
  return assembled(`
    b8b4010000 bf04000000 beffffffff 31d2 0f05         close_range(4, ~0, 0); older kernels refuse, and go on
    b89d000000 bf26000000 be01000000 31d2 4531d2 4531c0 0f05  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    4883ec18 66c70424${length} 488d0543000000 4889442408  struct sock_fprog on the stack: length, address of the filter
    b83d010000 bf01000000 31f6 4889e2 0f05             seccomp(SECCOMP_SET_MODE_FILTER, 0, &fprog)
    4883c418 85c0 7501 c3                              return, or
    bf61000000 b8e7000000 0f05                         exit_group(97): never without the filter
  `);
}

function codeArm64(filterLength: number): Buffer {
  const word = Buffer.alloc(4);
  word.writeUInt32LE(0x52800000 | (filterLength << 5));
  return assembled(`
    800080d2 01008012 020080d2 883680d2 010000d4           close_range(4, ~0, 0)
    c00480d2 210080d2 020080d2 030080d2 040080d2 e81480d2 010000d4  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    ff4300d1 ${word.toString('hex')} e0030079 20020010 e00700f9      struct sock_fprog on the stack
    200080d2 010080d2 e2030091 a82280d2 010000d4           seccomp(SECCOMP_SET_MODE_FILTER, 0, &fprog)
    ff430091 400000b5 c0035fd6                             return, or
    200c80d2 c80b80d2 010000d4                             exit_group(97)
  `);
}

/** Hexadecimal words up to two spaces, the rest of a line says what they do. */
function assembled(listing: string): Buffer {
  const lines = listing.split('\n').map((line) => line.trim().split(/ {2,}/)[0] ?? '');
  const code = Buffer.alloc(codeBytes);
  Buffer.from(lines.join('').replaceAll(' ', ''), 'hex').copy(code);
  return code;
}
