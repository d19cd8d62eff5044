// Durations as people read and hear them. Seconds are rounded up, so that zero is shown only when it is time.

interface CountdownParts {
  days: number
  hours: number
  minutes: number
  seconds: number
}

export function countdownParts(left_ms: number): CountdownParts {
  const total = Math.max(0, Math.ceil(left_ms / 1000))
  return {
    days: Math.floor(total / 86_400),
    hours: Math.floor(total / 3600) % 24,
    minutes: Math.floor(total / 60) % 60,
    seconds: total % 60,
  }
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}

/** '0:09', '9:58', '1:09:58', '2 d 03:00:00' */
export function clockText(left_ms: number): string {
  const { days, hours, minutes, seconds } = countdownParts(left_ms)
  if (days > 0) return `${days} d ${twoDigits(hours)}:${twoDigits(minutes)}:${twoDigits(seconds)}`
  if (hours > 0) return `${hours}:${twoDigits(minutes)}:${twoDigits(seconds)}`
  return `${minutes}:${twoDigits(seconds)}`
}

function counted(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? '' : 's'}`
}

/** The two largest units, in words: '2 hours 3 minutes'. */
export function spokenDuration(left_ms: number): string {
  const { days, hours, minutes, seconds } = countdownParts(left_ms)
  const words = [
    days > 0 ? counted(days, 'day') : '',
    hours > 0 ? counted(hours, 'hour') : '',
    minutes > 0 ? counted(minutes, 'minute') : '',
    seconds > 0 ? counted(seconds, 'second') : '',
  ].filter((word) => word !== '')
  return words.slice(0, 2).join(' ') || 'no time'
}

/** Marks at which a countdown is said aloud: often enough to be ready, too rarely to be a nuisance. */
const MARKS_MS = [600_000, 300_000, 60_000, 10_000]

/** The mark that was passed between two looks at the clock, if any. */
export function markPassed(before_ms: number, now_ms: number): number | undefined {
  return MARKS_MS.findLast((mark) => before_ms > mark && now_ms <= mark)
}
