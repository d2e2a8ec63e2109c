#!/usr/bin/env node
/** `cordon COMMAND ...`. Exit codes: 0 all is well, 1 the command found errors, 2 it could not do its work. */
import { preflight, preflightUsage } from './preflight.ts';

const usage = `usage:
  cordon ${preflightUsage}
`;

const [command, ...args] = process.argv.slice(2);
if (command === 'preflight') process.exitCode = await preflight(args, process);
else if (command === 'help' || command === '--help' || command === '-h') process.stdout.write(usage);
else {
  process.stderr.write(command === undefined ? usage : `cordon: there is no command ${command}\n${usage}`);
  process.exitCode = 2;
}
