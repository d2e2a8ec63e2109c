/** The one file that imports zod for what sandboxes send. */
export { z } from 'zod';
