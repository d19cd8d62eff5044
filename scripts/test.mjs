// `npm test`: from a fresh clone to one line that says how many tests passed. What it runs is in test-steps.ts.
import { bootstrap } from './bootstrap.mjs'

await bootstrap('test-run.ts')
