// In the place of a package that only the isolate's part of a shared file uses.
export const analyze = undefined;
