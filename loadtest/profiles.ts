// The scenarios' sizes, as data. A new scenario is a new profile.
import type { ScenarioRun } from './run-file'

type Behaviour = Pick<
  ScenarioRun,
  'quantity' | 'pay_of_100' | 'pays_after_ms' | 'unpaid_first' | 'waits_for' | 'wait_ms' | 'follows_unpaid' | 'ending_s'
>

export interface Profile extends Behaviour {
  name: string
  says: string
  shoppers: number
  units: number
  seconds: number
  hold_s: number
  /** below this share of the promised rate the run proves nothing */
  rate_reached_min: number
  /** all units must be paid at the end, with others expired on the way */
  ends_all_paid: boolean
}

const BUY_ONCE = {
  quantity: 1,
  unpaid_first: 0,
  pays_after_ms: [2000, 8000] as [number, number],
  waits_for: [],
  wait_ms: 1000,
  follows_unpaid: false,
  hold_s: 600,
  rate_reached_min: 0.97,
  ending_s: 60,
  ends_all_paid: false,
}

export const PROFILES: Profile[] = [
  {
    ...BUY_ONCE,
    name: 'smoke',
    says: '200 shoppers in 5 s for 40 units, to see that everything answers',
    shoppers: 200,
    units: 40,
    seconds: 5,
    // no promise about a rate: where the generator itself had to stand still for a moment, everything answers all the same
    rate_reached_min: 0.5,
    pay_of_100: 50,
  },
  {
    ...BUY_ONCE,
    name: 'spike',
    says: '20,000 shoppers in 10 s for 1,000 units of one SKU',
    shoppers: 20_000,
    units: 1000,
    seconds: 10,
    pay_of_100: 30,
  },
  {
    ...BUY_ONCE,
    name: 'expiry',
    says: '150 shoppers for 40 units; the first let their holds run out, what they held is sold again until all is paid',
    shoppers: 150,
    units: 40,
    seconds: 5,
    hold_s: 2,
    pay_of_100: 100,
    pays_after_ms: [0, 500], // holds are 2 s long
    // more than the units: all of them are held once by somebody who does not pay, some of them twice
    unpaid_first: 60,
    waits_for: ['all_held', 'not_enough_left'],
    wait_ms: 400,
    follows_unpaid: true,
    ends_all_paid: true,
  },
]
