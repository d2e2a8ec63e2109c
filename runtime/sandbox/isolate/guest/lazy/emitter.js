// node:events, from the package `events`.
import Emitter from 'events/';

Emitter.default = Emitter;
Emitter.captureRejections = false;
export const EventEmitter = Emitter;
