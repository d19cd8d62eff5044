// Arrays as PostgreSQL's array text, ready for `$1::text[]`: both drivers pass it through untouched, which is
// several times cheaper than their own serializers on batches of hundreds of rows.

/** Whole numbers and booleans. */
export function plainArray(values: readonly (number | boolean)[]): string {
  return '{' + values.join(',') + '}'
}

const QUOTED = /["\\]/g

export function textArray(values: readonly string[]): string {
  let text = '{'
  for (let i = 0; i < values.length; i++) {
    text += (i === 0 ? '"' : ',"') + (values[i] as string).replace(QUOTED, '\\$&') + '"'
  }
  return text + '}'
}
