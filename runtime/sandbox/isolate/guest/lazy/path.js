// node:path: POSIX only, as the workspace is. path-browserify asks process.cwd(), which is /workspace.
import posix from 'path-browserify';

posix.matchesGlob = undefined;
delete posix.matchesGlob;
posix.toNamespacedPath = (path) => path;
export const path = posix;
