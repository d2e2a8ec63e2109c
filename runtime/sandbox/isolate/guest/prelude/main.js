// Evaluated once in a blank isolate, before it is known who will use it. Fills `entries`, its value: {start, deliver}.
import { ask, call, hostError } from './bridge.js';
import './closed.js';
import './console.js';
import './globals.js';
import { internals } from './lazy.js';
import { forBundles } from './primordials.js';
import { compile, deliver, mapSource, start } from './run.js';
import { original } from './stack.js';

internals.primordials = forBundles;
internals.ask = ask;
internals.call = call;
internals.hostError = hostError;
internals.compile = compile;
internals.mapSource = mapSource;
internals.original = original;

entries.start = start;
entries.deliver = deliver;
