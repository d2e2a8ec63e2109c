/** How `/docs` shows a schema: as text, each field with what its schema says of it. Source that runs in the page. */

/** Defines `sketch(schema, all)`; `all` is `components.schemas`. */
export const sketchScript = String.raw`
const refName = (schema) => schema.$ref.split('/').pop();
// References followed, and what stands beside one in an allOf taken over what it says itself.
const resolved = (schema, all) => {
  if (schema?.$ref) return resolved(all[refName(schema)], all);
  if (!schema?.allOf) return schema ?? {};
  const parts = schema.allOf.map((part) => resolved(part, all));
  const whole = Object.assign({}, ...parts);
  if (!whole.properties) return whole;
  const properties = Object.assign({}, ...parts.map((part) => part.properties));
  return { ...whole, properties, required: parts.flatMap((part) => part.required ?? []) };
};
const JSON_TYPES = 6;
const typeOf = (known) => {
  if (known.enum) return known.enum.map((value) => JSON.stringify(value)).join(' | ');
  const types = [known.type ?? 'any'].flat();
  return types.length >= JSON_TYPES ? 'any' : types.join(' | ');
};
const range = (least, most, what) => least === undefined && most === undefined ? [] :
  [(most === undefined ? 'at least ' + least : least === undefined ? 'at most ' + most : least === most ? most : least + ' to ' + most) + what];
const bounds = (known) => [
  ...(known.default === undefined ? [] : ['default ' + JSON.stringify(known.default)]),
  ...range(known.minimum, known.maximum, ''),
  ...range(known.minLength, known.maxLength, ' characters'),
  ...range(known.minItems, known.maxItems, ' items'),
  ...(known.format ? [known.format] : []),
  ...(known.pattern ? ['matches ' + known.pattern] : []),
];
const notes = (known, all) => [
  ...(known.description ? [known.description] : []),
  ...bounds(known),
  ...(known.items ? bounds(resolved(known.items, all)).map((text) => 'each ' + text) : []),
].join('; ');
// The notes stand at the end of the first line.
const noted = (text, said) => {
  if (!said) return text;
  const [first, ...rest] = text.split('\n');
  return [first + '  // ' + said, ...rest].join('\n');
};
const fields = (known) => [
  ...Object.entries(known.properties ?? {}).map(([name, value]) => [name + (known.required?.includes(name) ? '' : '?'), value]),
  ...(typeof known.additionalProperties === 'object' ? [['[name]', known.additionalProperties]] : []),
];
const DEEPEST = 8;
const LINE = 100;
const sketch = (schema, all, indent = '', depth = 0) => {
  const known = resolved(schema, all);
  if (depth > DEEPEST) return typeOf(known);
  const inner = indent + '  ';
  const choices = known.oneOf ?? known.anyOf;
  if (choices) {
    const forms = choices.map((one) => sketch(one, all, inner + '  ', depth + 1));
    if (forms.every((form) => !/[{\n]/.test(form))) return [...new Set(forms)].join(' | ');
    return 'one of' + forms.map((form) => '\n' + inner + '| ' + form).join('');
  }
  if (known.items) return '[' + sketch(known.items, all, indent, depth + 1) + ']';
  const members = fields(known).map(([name, value]) =>
    noted(name + ': ' + sketch(value, all, inner, depth + 1), notes(resolved(value, all), all)));
  if (members.length === 0) return typeOf(known);
  const line = '{ ' + members.join(', ') + ' }';
  if (line.length <= LINE && !/\n|  \/\/ /.test(line)) return line;
  return '{\n' + members.map((member) => inner + member + '\n').join('') + indent + '}';
};
`;
