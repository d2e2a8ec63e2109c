// Packages that ask whether a value is a SharedArrayBuffer get the answer no: there is none here.
class NoSharedMemory {
  get byteLength() {
    throw new TypeError('Not a SharedArrayBuffer');
  }

  get growable() {
    throw new TypeError('Not a SharedArrayBuffer');
  }
}

export { NoSharedMemory as SharedArrayBuffer };
