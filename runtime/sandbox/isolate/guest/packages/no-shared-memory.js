// Packages that ask whether a value is a SharedArrayBuffer get the answer no: there is none here.
export class SharedArrayBuffer {
  get byteLength() {
    throw new TypeError('Not a SharedArrayBuffer');
  }

  get growable() {
    throw new TypeError('Not a SharedArrayBuffer');
  }
}
