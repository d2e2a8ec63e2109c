// The asset typescript.js: amaro with what little of Node.js it asks for (see typescript-shims.js, loaded first).
import { transformSync } from 'amaro';

globalThis.amaro = { transformSync };
