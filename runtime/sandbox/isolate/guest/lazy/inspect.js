// What console.log, util.inspect and results show: Node.js's format, bounded.

export { formatAll, formatWithOptions } from '../inspect/format.js';
export { custom, inspect } from '../inspect/inspect.js';
