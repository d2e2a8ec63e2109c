import { containerContract } from './contract.ts';

containerContract('containers', { languages: ['shell', 'python', 'javascript', 'typescript'] });
