/** Names of Cordon's own images, as callers give them. */
export const imageNames = ['base', 'python', 'node'] as const;
