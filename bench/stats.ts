// Medians and what is known about them.
//
// The interval is made of order statistics: the median of the population lies between the r-th smallest and the
// r-th largest value unless fewer than r of n values fell on one side of it, which is a matter of coin tosses
// and of nothing else: no assumption about the shape of the noise, no random numbers. From 6 values on an
// interval of at least 95 % exists; 15 give the 4th and the 12th (96.5 %).

export interface Interval {
  median: number
  low: number
  high: number
}

export type Verdict = 'met' | 'missed' | 'unresolved'

const MISS_MAX = 0.05

export function median(values: number[]): number {
  if (values.length === 0) throw new Error('median: no values')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** Median with an interval that holds the true median in at least 95 of 100 runs; infinite with too few values. */
export function medianInterval(values: number[]): Interval {
  const rank = intervalRank(values.length)
  if (rank === 0) return { median: median(values), low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  const sorted = [...values].sort((a, b) => a - b)
  return {
    median: median(values),
    low: sorted[rank - 1] as number,
    high: sorted[sorted.length - rank] as number,
  }
}

/** The largest r for which the r-th smallest to the r-th largest of n values is a 95 % interval; 0 when there is none. */
export function intervalRank(n: number): number {
  // P(the median is outside) = 2 × P(fewer than r heads in n tosses)
  let tail = 0
  let term = 0.5 ** n
  let rank = 0
  for (let heads = 0; heads < n / 2; heads++) {
    tail += term
    if (2 * tail > MISS_MAX) break
    rank = heads + 1
    term = (term * (n - heads)) / (heads + 1)
  }
  return rank
}

/** Whether a promise holds: unresolved when the interval reaches across the promised limit. */
export function judge(interval: Interval, promise: 'at_most' | 'at_least', limit: number): Verdict {
  const [sure, impossible] =
    promise === 'at_most'
      ? [interval.high <= limit, interval.low > limit]
      : [interval.low >= limit, interval.high < limit]
  if (sure) return 'met'
  return impossible ? 'missed' : 'unresolved'
}

/** To a number of significant digits, for result lines. */
export function rounded(value: number, digits = 3): number {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : value
}
