// Two projects: `unit` needs Node alone; `integration` (everything in a test/ folder) starts the real
// components, one file at a time, because the machine has two cores and the tests measure time-outs.
import { readFileSync } from 'node:fs'
import { defineConfig, type Plugin } from 'vitest/config'

// `import claim from './claim-units.sql'` gives the statement's text, as esbuild's text loader does in the build.
const sqlAsText: Plugin = {
  name: 'sql-as-text',
  enforce: 'pre',
  load(id) {
    const file = id.split('?')[0] ?? id
    if (!file.endsWith('.sql')) return undefined
    return `export default ${JSON.stringify(readFileSync(file, 'utf8'))}`
  },
}

const NOT_OURS = ['**/node_modules/**', '**/dist/**', '**/.rushgate/**', '**/.cache/**']

export default defineConfig({
  plugins: [sqlAsText],
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['**/*.spec.ts'],
          exclude: [...NOT_OURS, '**/test/**'],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['**/test/**/*.spec.ts'],
          exclude: NOT_OURS,
          pool: 'forks',
          fileParallelism: false,
          // they end what hangs: a test of 20 s here may take 80 s elsewhere
          testTimeout: 180_000,
          hookTimeout: 240_000,
          teardownTimeout: 30_000,
          // whole stacks start on two cores: expect.poll's own second is too little, and so are ten where others work too
          expect: { poll: { timeout: 30_000 } },
        },
      },
    ],
  },
})
