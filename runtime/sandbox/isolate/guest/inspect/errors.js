// Errors are shown by their stack, with their class where the stack does not say it.

/** The stack, or `[Name: message]` when there are no frames. */
export function errorText(error, className) {
  let { stack } = error;
  if (typeof stack !== 'string' || stack === '') stack = Error.prototype.toString.call(error);
  const name = typeof error.name === 'string' && error.name !== '' ? error.name : 'Error';
  if (!stack.includes(name)) stack = stack.replace(/^\w*Error/, name);
  if (className !== null && className !== name && !stack.includes(className) && /Error$/.test(name)) {
    stack = stack.startsWith(name) ? `${className}${stack.slice(name.length)}` : stack;
  }
  return /\n {4}at /.test(stack) ? stack : `[${stack}]`;
}
