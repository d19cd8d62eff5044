// A seed is a schedule: the same faults at the same times, and all faults within as few schedules as possible.
import { describe, expect, it } from 'vitest'
import { Random } from '../scripts/random'
import { CATALOGUE } from './catalogue/index'
import { planFaults } from './plan-faults'
import { drawPlan, saleRules } from './population'

const plan = (seed: number) => planFaults(seed, new Random(seed).fork(), 6000)

describe('schedules', () => {
  it('repeat themselves for the same seed and differ between seeds', () => {
    expect(plan(7)).toEqual(plan(7))
    expect(plan(7)).not.toEqual(plan(8))
    const shopper = () => drawPlan(new Random(7), 6000)
    expect(shopper()).toEqual(shopper())
  })

  it('meet every fault of the catalogue in half as many schedules', () => {
    const met = new Set<string>()
    for (let seed = 1; seed <= Math.ceil(CATALOGUE.length / 2); seed++)
      for (const { fault } of plan(seed)) met.add(fault.name)
    expect(met.size).toBe(CATALOGUE.length)
    expect(new Set(CATALOGUE.map(({ name }) => name)).size).toBe(CATALOGUE.length)
  })

  it('have their faults in the order of time', () => {
    for (let seed = 1; seed < 50; seed++) {
      const times = plan(seed).map(({ at_ms }) => at_ms)
      expect([...times].sort((a, b) => a - b)).toEqual(times)
    }
  })

  it('draw shoppers who ask for what there is', () => {
    const skus = saleRules('spring').skus.map(({ sku }) => sku)
    const random = new Random(3)
    const drawn = Array.from({ length: 500 }, () => drawPlan(random, 6000))
    expect(new Set(drawn.map(({ sku }) => sku))).toEqual(new Set(skus))
    for (const { sku, quantity } of drawn) {
      const rules = saleRules('spring').skus.find((entry) => entry.sku === sku)
      expect(quantity).toBeLessThanOrEqual(rules?.user_max ?? 0)
    }
  })
})
