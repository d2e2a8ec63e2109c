import { containerContract } from './contract.ts';

/** As on machines where the service may not mount: files are carried in and out by the supervisor. */
containerContract('containers with the workspace in memory', { inMemory: true, languages: ['shell', 'python'] });
