/** An inode number for a path, the same in every run: 52 bits of hash, for what a table of all paths would cost. */
export function fileId(path) {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b) ^ (high >>> 15);
  }
  return (high >>> 6) * 0x4000000 + (low >>> 6) + 1;
}
