/** What an operation takes, by name: path, query, header, and fields of its body down to two levels. */
import type { Json, JsonObject } from '../../json.ts';
import type { OperationParameter } from '../connector.ts';
import { isObject, type Lookup, own, ownList, ownText } from './resolve.ts';

export const MAXIMUM_PARAMETERS = 400;
const LEVELS = 2;
/** `allOf` in `allOf`, at most. */
const MAXIMUM_COMPOSED = 12;

/** At most `MAXIMUM_PARAMETERS`, the nearest first. `isCut`: there would be more. */
export function readParameters(
  lookup: Lookup,
  pathItem: JsonObject,
  operation: JsonObject,
): { parameters: OperationParameter[]; isCut: boolean } {
  const found = new Map<string, OperationParameter>();
  const add = (one: OperationParameter) => {
    if (one.name === '' || one.name.length > 200) return;
    const key = `${one.in} ${one.name}`;
    found.set(key, { ...found.get(key), ...one });
  };
  for (const one of [...ownList(pathItem, 'parameters'), ...ownList(operation, 'parameters')]) {
    const parameter = lookup.object(one);
    const name = ownText(parameter, 'name');
    const place = ownText(parameter, 'in');
    const required = own(parameter, 'required') === true ? { required: true } : {};
    if (place === 'body')
      for (const field of bodyFields(lookup, own(parameter, 'schema'), required.required === true)) add(field);
    else if (name !== undefined && place === 'formData') add({ name, in: 'body', ...required });
    else if (name !== undefined && (place === 'path' || place === 'query' || place === 'header'))
      add({ name, in: place, ...required });
  }
  const body = lookup.object(own(operation, 'requestBody'));
  const content = lookup.object(own(body, 'content')) ?? {};
  for (const [type, media] of Object.entries(content)) {
    if (
      !/^application\/(?:json|x-www-form-urlencoded|[\w.+-]+\+json)(?:;|$)|^multipart\/form-data|^\*\/\*$/i.test(type)
    )
      continue;
    const schema = own(lookup.object(media), 'schema');
    for (const field of bodyFields(lookup, schema, own(body, 'required') === true)) add(field);
  }
  const parameters = [...found.values()];
  return { parameters: parameters.slice(0, MAXIMUM_PARAMETERS), isCut: parameters.length > MAXIMUM_PARAMETERS };
}

/** Level by level, so that a bound cuts off what lies deepest. */
function bodyFields(lookup: Lookup, schema: Json | undefined, isRequired: boolean): OperationParameter[] {
  const fields: OperationParameter[] = [];
  let level = [{ prefix: '', schema, isRequired }];
  for (let depth = 0; depth < LEVELS && level.length > 0; depth++) {
    const next: typeof level = [];
    for (const { prefix, schema: outer, isRequired: isOuterRequired } of level) {
      const { properties, required } = propertiesOf(lookup, outer);
      for (const [name, inner] of properties) {
        const must = isOuterRequired && required.has(name);
        fields.push({ name: prefix + name, in: 'body', ...(must ? { required: true } : {}) });
        next.push({ prefix: `${prefix}${name}.`, schema: inner, isRequired: must });
      }
      if (fields.length > MAXIMUM_PARAMETERS) return fields;
    }
    level = next;
  }
  return fields;
}

/** Those of a schema and all that it is composed of; of alternatives all names, none of them required. */
function propertiesOf(
  lookup: Lookup,
  schema: Json | undefined,
): { properties: Map<string, Json>; required: Set<string> } {
  const properties = new Map<string, Json>();
  const required = new Set<string>();
  const seen = new Set<JsonObject>();
  const collect = (value: Json | undefined, depth: number, isSure: boolean) => {
    const object = lookup.object(value);
    if (!object || depth > MAXIMUM_COMPOSED || seen.has(object)) return;
    seen.add(object);
    const own_ = own(object, 'properties');
    if (isObject(own_))
      for (const [name, inner] of Object.entries(own_)) if (!properties.has(name)) properties.set(name, inner);
    if (isSure) for (const name of ownList(object, 'required')) if (typeof name === 'string') required.add(name);
    for (const part of ownList(object, 'allOf')) collect(part, depth + 1, isSure);
    for (const part of [...ownList(object, 'oneOf'), ...ownList(object, 'anyOf')]) collect(part, depth + 1, false);
  };
  collect(schema, 0, true);
  return { properties, required };
}
