// Faults of the catalogue in the middle of a load run, evenly over the time in which shoppers come.
import { existsSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { CATALOGUE as FAULTS, KAFKA_CATALOGUE } from '../faults/catalogue/index'
import { World } from '../faults/world'
import { Random } from '../scripts/random'
import type { Target } from './target'

const FIRST_ANSWER_POLL_MS = 20

const CATALOGUE = [...FAULTS, ...KAFKA_CATALOGUE]

export const FAULT_NAMES = CATALOGUE.map(({ name }) => name)

export function worldOf(target: Target, sale: string, seed: number): World {
  if (target.stack === undefined) throw new Error('--fault needs --start: only a stack of our own is ours to kill')
  return new World(target.stack, sale, new Random(seed), (line) => console.log(line), target)
}

/** Begins when the first shopper has been answered, because the generator takes its time to start. */
export async function injectDuring(
  world: World,
  names: string[],
  answers_file: string,
  seconds: number,
): Promise<void> {
  while (!existsSync(answers_file) || statSync(answers_file).size === 0) await sleep(FIRST_ANSWER_POLL_MS)
  const start_ms = Date.now()
  for (const [index, name] of names.entries()) {
    const fault = CATALOGUE.find((candidate) => candidate.name === name)
    if (fault === undefined) throw new Error(`no fault ${name}`)
    await sleep(Math.max(0, start_ms + (seconds * 1000 * (index + 1)) / (names.length + 1) - Date.now()))
    console.log(`fault: ${name}, ${((Date.now() - start_ms) / 1000).toFixed(1)} s after the first shopper`)
    await fault.inject(world)
  }
}
