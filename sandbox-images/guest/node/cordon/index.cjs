// The module `cordon`, in every Node.js process of the image. Named, so that `import` finds the names.
const { input, memory, display } = require('../cordon.cjs').module;

exports.input = input;
exports.memory = memory;
exports.display = display;
