// Run once, when the image is made: see bake.mjs.
require('./guest.cjs').bake();
