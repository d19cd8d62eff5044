// npm run verify-draw -- FILE [--commitment HEX]: checks the published transcript of a draw, offline.
//
// It proves that the order follows from secret, entrants and beacon. That the secret was chosen beforehand is proved by the
// commitment that the sale showed before the draw: hand it in, or compare it with the one printed.
import { readFileSync } from 'node:fs'
import { type DrawTranscript, drawProblems } from '../backend/src/draw/draw'

const USAGE = 'usage: npm run verify-draw -- FILE [--commitment HEX]'

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : error}`)
  }
}

function main(args: string[]): number {
  const [file, option, published] = args
  if (file === undefined || args.length > 3 || (option !== undefined && option !== '--commitment')) {
    console.error(USAGE)
    return 2
  }
  if (option !== undefined && published === undefined) {
    console.error(USAGE)
    return 2
  }
  const value = read(file)
  const problems = drawProblems(value, published)
  for (const problem of problems) console.error(`${file}: ${problem}`)
  if (problems.length > 0) return 1
  const draw = value as DrawTranscript
  console.log(`${draw.sale}: the order of ${draw.order.length} entrants follows from secret, entrants and beacon`)
  if (draw.beacon_source) {
    console.log(`compare the beacon with its source: "${draw.beacon}" from "${draw.beacon_source}"`)
  }
  if (published === undefined)
    console.log(`compare with what was published before the draw: commitment ${draw.commitment}`)
  else console.log('the commitment is the one published beforehand')
  return 0
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
