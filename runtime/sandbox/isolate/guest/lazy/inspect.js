// What console.log, util.inspect and results show: Node.js's format, bounded.
export { custom, inspect } from '../inspect/inspect.js';
export { formatAll, formatWithOptions } from '../inspect/format.js';
