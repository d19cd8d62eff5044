// Settings declared once: the check, the TypeScript type, the defaults, and (schema-docs.ts) JSON Schema, docs and example
// are all drawn from one declaration.
//
//   const schema = object('What this plugin does.', {
//     batch_max: integer({ min: 1, max: 256, unit: 'reservations', default: 256, description: 'Most that travel together.' }),
//   })
//   type Settings = Infer<typeof schema>
//
// `readField` reports every problem, not only the first, each as `path: rule, got value`, in an order that does not depend on
// where it runs. Values come from a JSON decoder: Node's or cjson's.

interface Declared<T> {
  description: string
  /** undefined: the setting is required (an object's default is made of its members') */
  default: T | undefined
  /** what the example shows when there is no default */
  example: T | undefined
  /** never there at run time: carries the type */
  readonly inferred?: T
}

interface BooleanField extends Declared<boolean> {
  kind: 'boolean'
}

interface IntegerField extends Declared<number> {
  kind: 'integer'
  min: number
  max: number
  /** '' for a plain count or ratio */
  unit: string
}

interface NumberField extends Declared<number> {
  kind: 'number'
  min: number
  max: number
  unit: string
}

/** A rule for texts: no regular expressions, because Lua has none. */
export interface TextRule {
  /** completes "must …" */
  rule: string
  test: (this: void, text: string) => boolean
  /** the same for JSON Schema (editors only), as an ECMA 262 pattern; '' for none */
  pattern: string
}

interface StringField extends Declared<string> {
  kind: 'string'
  /** characters; in Lua bytes, so leave room */
  length_min: number
  length_max: number
  matches: TextRule | undefined
  /** its value is never printed */
  secret: boolean
}

interface EnumerationField<T extends string = string> extends Declared<T> {
  kind: 'enumeration'
  values: readonly T[]
}

interface ListField<T = unknown> extends Declared<T[]> {
  kind: 'list'
  item: Field<T>
  length_max: number
  unique: boolean
}

interface RecordField<T = unknown> extends Declared<Record<string, T>> {
  kind: 'record'
  /** the names that may be used; undefined: any that `key` allows */
  names: readonly string[] | undefined
  key: TextRule | undefined
  value: Field<T>
}

export interface ObjectField<T = object> extends Declared<T> {
  kind: 'object'
  members: Record<string, Field<unknown>>
  /** sorted, because Lua forgets the order of declaration */
  names: string[]
}

type AnyField =
  | BooleanField
  | IntegerField
  | NumberField
  | StringField
  | EnumerationField
  | ListField
  | RecordField
  | ObjectField<unknown>

type FieldKind = AnyField['kind']

/** A declaration of values of type T; which kind it is says `asAny`. */
export interface Field<T> extends Declared<T> {
  kind: FieldKind
}

/** The type of the values that a declaration lets through. */
export type Infer<F> = F extends { readonly inferred?: infer T } ? Exclude<T, undefined> : never

type Described<T> = { description: string } & (
  | { default: T; required?: never; example?: never }
  | { required: true; example: T; default?: never }
)

interface Bounds {
  min: number
  max: number
  /** '' for a plain count or ratio */
  unit?: string
}

/** The declarations by kind, for those who walk them. */
export function asAny(field: Field<unknown>): AnyField {
  return field as AnyField
}

export function boolean(options: Described<boolean>): BooleanField {
  return { kind: 'boolean', description: options.description, default: options.default, example: options.example }
}

export function integer(options: Described<number> & Bounds): IntegerField {
  return {
    kind: 'integer',
    description: options.description,
    default: options.default,
    example: options.example,
    min: options.min,
    max: options.max,
    unit: options.unit ?? '',
  }
}

export function number(options: Described<number> & Bounds): NumberField {
  return {
    kind: 'number',
    description: options.description,
    default: options.default,
    example: options.example,
    min: options.min,
    max: options.max,
    unit: options.unit ?? '',
  }
}

export function string(
  options: Described<string> & { length_min?: number; length_max: number; matches?: TextRule; secret?: boolean },
): StringField {
  return {
    kind: 'string',
    description: options.description,
    default: options.default,
    example: options.example,
    length_min: options.length_min ?? 0,
    length_max: options.length_max,
    matches: options.matches,
    secret: options.secret ?? false,
  }
}

export function enumeration<const T extends string>(
  options: Described<NoInfer<T>> & { values: readonly T[] },
): EnumerationField<T> {
  return {
    kind: 'enumeration',
    description: options.description,
    default: options.default,
    example: options.example,
    values: options.values,
  }
}

export function list<T>(
  options: Described<NoInfer<T>[]> & { item: Field<T>; length_max: number; unique?: boolean },
): ListField<T> {
  return {
    kind: 'list',
    description: options.description,
    default: options.default,
    example: options.example,
    item: options.item,
    length_max: options.length_max,
    unique: options.unique ?? false,
  }
}

export function record<T>(
  options: Described<Record<string, NoInfer<T>>> & { value: Field<T>; names?: readonly string[]; key?: TextRule },
): RecordField<T> {
  return {
    kind: 'record',
    description: options.description,
    default: options.default,
    example: options.example,
    names: options.names,
    key: options.key,
    value: options.value,
  }
}

type MembersType<M extends Record<string, Field<unknown>>> = { [K in keyof M]: Infer<M[K]> }

/** May be left out when all its members may. */
export function object<M extends Record<string, Field<unknown>>>(
  description: string,
  members: M,
): ObjectField<MembersType<M>> {
  const names: string[] = []
  for (const name in members) names.push(name)
  sortTexts(names)
  return { kind: 'object', description, default: undefined, example: undefined, members, names }
}

/**
 * Reads a value by its declaration: what is missing gets its default. The result may be used only when no problem was added.
 * `path` is '' for the whole file.
 */
export function readField<T>(field: Field<T>, value: unknown, path: string, problems: string[]): T {
  return read(asAny(field), value, path, problems) as T
}

/** The rule of a field, completing "must …". */
export function ruleOf(field: Field<unknown>): string {
  const any = asAny(field)
  if (any.kind === 'boolean') return 'be true or false'
  if (any.kind === 'integer' || any.kind === 'number') {
    const what = any.kind === 'integer' ? 'be a whole number' : 'be a number'
    if (any.min === any.max) return 'be ' + any.min
    const unit = any.unit === '' ? '' : ' (' + any.unit + ')'
    return what + ' from ' + any.min + ' to ' + any.max + unit
  }
  if (any.kind === 'string') {
    return any.matches !== undefined
      ? any.matches.rule
      : 'be text of ' + any.length_min + ' to ' + any.length_max + ' characters'
  }
  if (any.kind === 'enumeration') return 'be one of ' + quoted(any.values)
  if (any.kind === 'list') return 'be a list of at most ' + any.length_max
  return 'be an object'
}

function read(field: AnyField, value: unknown, path: string, problems: string[]): unknown {
  if (field.kind === 'object') return readObject(field, value, path, problems)
  if (value === undefined) {
    if (field.default === undefined) problem(problems, path, ruleOf(field), 'nothing')
    return field.default
  }
  if (field.kind === 'list') return readList(field, value, path, problems)
  if (field.kind === 'record') return readRecord(field, value, path, problems)
  if (!isRight(field, value)) {
    const hidden = field.kind === 'string' && field.secret
    problem(problems, path, ruleOf(field), hidden ? 'something else (not shown)' : shown(value))
  }
  return value
}

function isRight(
  field: BooleanField | IntegerField | NumberField | StringField | EnumerationField,
  value: unknown,
): boolean {
  if (field.kind === 'boolean') return typeof value === 'boolean'
  if (field.kind === 'integer' || field.kind === 'number') {
    // the comparison is false for NaN too
    if (typeof value !== 'number' || !(value >= field.min && value <= field.max)) return false
    return field.kind === 'number' || Math.floor(value) === value
  }
  if (typeof value !== 'string') return false
  if (field.kind === 'enumeration') return includes(field.values, value)
  return isRightText(field, value)
}

function isRightText(field: StringField, text: string): boolean {
  if (text.length < field.length_min || text.length > field.length_max) return false
  return field.matches === undefined || field.matches.test(text)
}

function readObject(field: ObjectField<unknown>, value: unknown, path: string, problems: string[]): unknown {
  const given = value === undefined ? {} : value
  if (!isObject(given)) {
    problem(problems, path, ruleOf(field), shown(given))
    return undefined
  }
  const result: Record<string, unknown> = {}
  for (const name of field.names) {
    result[name] = read(asAny(field.members[name] as Field<unknown>), given[name], join(path, name), problems)
  }
  for (const name of keysOf(given)) {
    if (!includes(field.names, name)) {
      problem(problems, join(path, name), 'not be here: known are ' + quoted(field.names), shown(given[name]))
    }
  }
  return result
}

function readRecord(field: RecordField, value: unknown, path: string, problems: string[]): unknown {
  if (!isObject(value)) {
    problem(problems, path, ruleOf(field), shown(value))
    return undefined
  }
  const result: Record<string, unknown> = {}
  for (const name of keysOf(value)) {
    const at = join(path, name)
    if (field.names !== undefined && !includes(field.names, name)) {
      problem(problems, at, 'not be here: known are ' + quoted(field.names), shown(value[name]))
    } else if (field.key !== undefined && !field.key.test(name)) {
      problem(problems, at, 'have a name that must ' + field.key.rule, shown(name))
    } else {
      result[name] = read(asAny(field.value), value[name], at, problems)
    }
  }
  return result
}

function readList(field: ListField, value: unknown, path: string, problems: string[]): unknown {
  if (!isList(value) || value.length > field.length_max) {
    problem(problems, path, ruleOf(field), isList(value) ? 'a list of ' + value.length : shown(value))
    return undefined
  }
  const result: unknown[] = []
  for (let i = 0; i < value.length; i++) {
    const at = path + '[' + i + ']'
    const item = read(asAny(field.item), value[i], at, problems)
    if (field.unique && has(result, item)) problem(problems, at, 'not be named twice', shown(item))
    result.push(item)
  }
  return result
}

function problem(problems: string[], path: string, rule: string, got: string): void {
  problems.push((path === '' ? 'the file' : path) + ': must ' + rule + ', got ' + got)
}

function join(path: string, name: string): string {
  return path === '' ? name : path + '.' + name
}

const SHOWN_LENGTH_MAX = 60

/** A value in a message: scalars as JSON has them, cut; containers by their kind. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') {
    return value.length > SHOWN_LENGTH_MAX ? '"' + value.substring(0, SHOWN_LENGTH_MAX) + '…"' : '"' + value + '"'
  }
  if (typeof value === 'number' || typeof value === 'boolean') return '' + value
  if (isObject(value)) return 'an object'
  if (isList(value)) return 'a list'
  return 'null'
}

// In Lua an empty table does not say whether it was [] or {}: there it passes for either.
const EMPTY_IS_EITHER = Array.isArray({})

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value)
}

// JSON's null is null in Node (hence the test for truth) and userdata in Lua.
function isObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || !value) return false
  return !isList(value) || (EMPTY_IS_EITHER && value.length === 0)
}

function keysOf(value: Record<string, unknown>): string[] {
  const keys: string[] = []
  for (const key in value) keys.push(key)
  sortTexts(keys)
  return keys
}

function sortTexts(texts: string[]): void {
  texts.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function includes(texts: readonly string[], wanted: string): boolean {
  for (const text of texts) if (text === wanted) return true
  return false
}

function has(values: unknown[], wanted: unknown): boolean {
  for (const value of values) if (value === wanted) return true
  return false
}

function quoted(texts: readonly string[]): string {
  let joined = ''
  for (const text of texts) joined += (joined === '' ? '"' : ', "') + text + '"'
  return joined
}
