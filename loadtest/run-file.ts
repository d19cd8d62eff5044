// What the runner hands to a k6 scenario: a JSON file, since k6 can read nothing else of ours.

export interface ScenarioRun {
  gate_url: string
  sale: string
  sku: string
  quantity: number
  /** arrivals: one shopper each, evenly over `seconds` */
  shoppers: number
  seconds: number
  vus_start: number
  vus_max: number
  /** longest time that the last shoppers may take after the last arrival */
  ending_s: number
  /** of the shoppers with a confirmed order, how many of 100 pay … */
  pay_of_100: number
  /** … not counting this many who come first: they let their holds run out */
  unpaid_first: number
  /** a person needs a while at the till: shortest and longest time from the confirmed order to the payment */
  pays_after_ms: [number, number]
  /** refusals after which a shopper asks again */
  waits_for: string[]
  wait_ms: number
  /** follow an unpaid order until its hold has run out */
  follows_unpaid: boolean
}

/**
 * One request as the scenario prints it: ask, sent ms, got ms, latency ms, HTTP status, code, reservation, status,
 * units, order, pay_by. Arrays, because 20,000 shoppers print a few of them each.
 */
export type PrintedAnswer = [string, number, number, number, number, string, string, string, number[], string, string]

/** What one shopper prints before its first request: its index and the time. */
export type PrintedBeginning = [number, number]

/** What one shopper prints at its end: its index and all its answers. */
export type PrintedShopper = [number, PrintedAnswer[]]
