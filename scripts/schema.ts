// npm run schema: rushgate.schema.json (editors complete and check rushgate.json by it) and docs/SETTINGS.md, both drawn from the
// declarations of the gate and its plugins. Both are checked in; a test says when they are out of date.
import { writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { configSchema } from '../edge/src/kernel/config'
import { jsonSchemaOfFile, markdownTable } from '../edge/src/kernel/schema-docs'
import { plugins } from '../edge/src/plugins/index'

const root = fileURLToPath(new URL('..', import.meta.url))

export function schemaText(): string {
  const schema = jsonSchemaOfFile(configSchema(plugins), 'rushgate.schema.json', 'rushgate.json')
  return `${JSON.stringify(schema, undefined, 2)}\n`
}

function settingsText(): string {
  return [
    '# Settings of the gate: rushgate.json',
    '',
    'Made by `npm run schema` from the declarations in the code. `npm run check -- FILE` checks a file; the gate makes the same check',
    'when it starts and names every problem as `path: rule, got value`. Editors complete the file by `rushgate.schema.json`.',
    '',
    markdownTable(configSchema(plugins), ''),
  ].join('\n')
}

export const GENERATED = [
  { file: 'rushgate.schema.json', text: schemaText },
  { file: 'docs/SETTINGS.md', text: settingsText },
]

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const { file, text } of GENERATED) {
    writeFileSync(`${root}${file}`, text())
    console.log(`wrote ${file}`)
  }
}
