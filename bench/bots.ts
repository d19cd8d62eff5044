// npm run bench -- bots: who gets the units when nine of ten requests are bots', and how many people are refused on the way.
//
// The gate's defaults, asked for everything that a sale can ask for; people and strategies are those of `npm run load -- mixed`
// (loadtest/population.ts). The speed of answers is no matter here.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { requireK6 } from '../loadtest/k6'
import { mixedConfig, playMixed } from '../loadtest/mixed'
import { SIZES } from '../loadtest/population'
import { startOwn } from '../loadtest/target'
import { ROOT } from '../scripts/stack'
import { finish, progress, wholeNumber } from './report'

const BOT_SHARE_MIN = 0.9
const UNITS_TO_HUMANS_MIN = 0.95
const HUMANS_REFUSED_MAX = 0.001

export async function bots(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: 'string', default: 'full' },
      seed: { type: 'string', default: '1' },
      workers: { type: 'string', default: '2' },
    },
  })
  const size = values.size === 'small' ? SIZES.small : SIZES.full
  if (!Object.keys(SIZES).includes(values.size)) throw new Error(`--size: full or small, got ${values.size}`)
  const seed = wholeNumber('--seed', values.seed, 1, 2 ** 31)
  const workers = wholeNumber('--workers', values.workers, 1, 64)
  const k6 = await requireK6()
  const dir = join(ROOT, '.rushgate/bench/bots')
  const target = await startOwn(join(dir, 'stack'), 'pglite', workers, mixedConfig(dir))
  try {
    const result = await playMixed(k6, target, size, seed, join(dir, 'run'))
    for (const [who, results] of Object.entries(result.results)) {
      const told = Object.entries(results).sort(([, a], [, b]) => b - a)
      progress(`${who}: ${told.map(([name, count]) => `${name} × ${count}`).join(', ')}`)
    }
    const { bot_share, units_to_humans, humans_refused, strategies, people, accounts_of_bots } = result
    const wrong = result.violations.map(({ kind, what }) => `${kind}: ${what}`)
    if (result.units.sold === 0) wrong.push('nothing was sold')
    const is_met = units_to_humans >= UNITS_TO_HUMANS_MIN && humans_refused <= HUMANS_REFUSED_MAX
    // too few bots prove nothing: the machine was too slow for them
    const verdict = bot_share < BOT_SHARE_MIN ? 'unresolved' : is_met ? 'met' : 'missed'
    finish(
      {
        bot_share,
        units_to_humans,
        humans_refused,
        strategies,
        refused_with: result.refused_with,
        people,
        accounts_of_bots,
        units: result.units,
        requests: result.requests,
        generator_cpu: result.generator_cpu,
        verdict,
      },
      wrong,
    )
  } finally {
    await target.stop()
  }
}
