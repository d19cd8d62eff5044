// Points in time in the shopper's own time zone, and said to be so.

const DAY = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' })
const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })

const NO_BREAK = '\u00a0'

function dayTimeText(time_ms: number): string {
  return `${DAY.format(time_ms)}, ${TIME.format(time_ms)}`
}

export function timeText(time_ms: number): string {
  return TIME.format(time_ms)
}

/** 'Fri 21 Nov, 12:00 – 13:00', or with the second day where it is another. */
export function windowText(opens_ms: number, closes_ms: number): string {
  const same_day = DAY.format(opens_ms) === DAY.format(closes_ms)
  // two times of one day stay on one line
  if (same_day) return `${dayTimeText(opens_ms)}${NO_BREAK}–${NO_BREAK}${timeText(closes_ms)}`
  return `${dayTimeText(opens_ms)} – ${dayTimeText(closes_ms)}`
}

export function timeZoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone?.replaceAll('_', ' ') ?? 'local time'
}
