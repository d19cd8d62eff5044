// What is drawn from a declaration for people and editors: JSON Schema (draft 2020-12), a table for the docs, an example.
// Only tools need it; it is not part of the gate's bundle.
import { asAny, type Field, ruleOf } from './schema'

type JsonSchema = Record<string, unknown>

function jsonSchema(field: Field<unknown>): JsonSchema {
  const any = asAny(field)
  const schema: JsonSchema = { description: any.description }
  if (any.default !== undefined) schema['default'] = any.default
  if (any.kind === 'boolean') schema['type'] = 'boolean'
  else if (any.kind === 'integer' || any.kind === 'number') {
    schema['type'] = any.kind
    schema['minimum'] = any.min
    schema['maximum'] = any.max
  } else if (any.kind === 'string') {
    schema['type'] = 'string'
    if (any.length_min > 0) schema['minLength'] = any.length_min
    schema['maxLength'] = any.length_max
    if (any.matches !== undefined && any.matches.pattern !== '') schema['pattern'] = any.matches.pattern
  } else if (any.kind === 'enumeration') schema['enum'] = any.values
  else if (any.kind === 'list') {
    schema['type'] = 'array'
    schema['items'] = jsonSchema(any.item)
    schema['maxItems'] = any.length_max
    schema['uniqueItems'] = any.unique
  } else if (any.kind === 'record') {
    schema['type'] = 'object'
    schema['additionalProperties'] = jsonSchema(any.value)
    if (any.names !== undefined) schema['propertyNames'] = { enum: any.names }
    else if (any.key !== undefined && any.key.pattern !== '') schema['propertyNames'] = { pattern: any.key.pattern }
  } else {
    schema['type'] = 'object'
    schema['additionalProperties'] = false
    const properties: Record<string, JsonSchema> = {}
    const required: string[] = []
    for (const name in any.members) {
      const member = any.members[name] as Field<unknown>
      properties[name] = jsonSchema(member)
      if (isRequired(member)) required.push(name)
    }
    schema['properties'] = properties
    if (required.length > 0) schema['required'] = required
  }
  return schema
}

/** The schema of a whole file. */
export function jsonSchemaOfFile(field: Field<unknown>, id: string, title: string): JsonSchema {
  const schema: JsonSchema = { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: id, title }
  const rest = jsonSchema(field)
  for (const key in rest) schema[key] = rest[key]
  return schema
}

/** An object is required when one of its members is. */
function isRequired(field: Field<unknown>): boolean {
  const any = asAny(field)
  if (any.kind !== 'object') return any.default === undefined
  for (const name in any.members) if (isRequired(any.members[name] as Field<unknown>)) return true
  return false
}

/** A value that passes the check: the defaults, and the example of what has none. */
export function exampleOf(field: Field<unknown>): unknown {
  const any = asAny(field)
  if (any.kind !== 'object') return any.default === undefined ? any.example : any.default
  const example: Record<string, unknown> = {}
  for (const name in any.members) example[name] = exampleOf(any.members[name] as Field<unknown>)
  return example
}

/** A Markdown table of every setting under `path`, one line each. */
export function markdownTable(field: Field<unknown>, path: string): string {
  return '| setting | must | default | |\n|---|---|---|---|\n' + markdownRows(field, path)
}

function markdownRows(field: Field<unknown>, path: string): string {
  const any = asAny(field)
  if (any.kind === 'object') {
    let rows = ''
    for (const name in any.members) {
      rows += markdownRows(any.members[name] as Field<unknown>, path === '' ? name : path + '.' + name)
    }
    return rows
  }
  const given = any.default === undefined ? 'required' : '`' + JSON.stringify(any.default) + '`'
  const row = '| `' + path + '` | ' + ruleOf(any) + ' | ' + given + ' | ' + any.description + ' |\n'
  if (any.kind === 'list') return row + (asAny(any.item).kind === 'object' ? markdownRows(any.item, path + '[]') : '')
  if (any.kind === 'record') return row + markdownRows(any.value, path + '.*')
  return row
}
