// `npm start`: from a fresh clone to a sale page one can buy on. What it does is in start.ts.
import { bootstrap } from './bootstrap.mjs'

await bootstrap('start.ts')
