// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII but capitals, dots and spaces.
const plain = /^[\x00-\x1f!-\-/-@[-\x7f]*$/;

/**
 * What names have in common that some reader takes for the same: Go and .NET ignore case when they decode JSON, PHP turns
 * dots and spaces of query and form names into underscores.
 */
export const spelling = (name: string): string =>
  plain.test(name) ? name : name.toUpperCase().toLowerCase().replaceAll(/[. ]/g, '_');

/** A name of the guest's choosing, for messages: on one line, and short. */
export const shownName = (name: string): string => JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
