// The main program of a run's main process; guest.cjs is preloaded.
require('./guest.cjs').run();
