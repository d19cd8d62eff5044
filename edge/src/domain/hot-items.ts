// Which items a worker is asked for most: counts of the window that runs, in bounded memory, and an exact sliding rate of the few
// that may matter.
//
// Counting is the "frequent items" algorithm (Misra and Gries; purged by the median as Anderson et al., IMC 2017, do): a plain table of
// counts; when it is full, the lower half is forgotten, and who comes later starts above what was forgotten.
// Guarantee: after N requests in a window, with room for `capacity` items, no item asked for more than 2 N / capacity times is missing,
// and no count is below the true one, or above it by more than `floor` ≤ 2 N / capacity. Nothing was forgotten: all counts are exact.
// docs/DECISIONS says why this one.

/** An item that came often enough to be told to the others, with its requests slot by slot. */
interface WatchedItem {
  item: string
  /** its count when it was last looked at */
  counted: number
  slots: number[]
  /** of all slots */
  sum: number
  /** another worker has told of it: told as long as that lasts, however little comes here */
  asked_for: boolean
}

export interface HotCounter {
  /** items that are counted at a time */
  capacity: number
  /** an item is watched from so many requests in a window on, beside what may have been forgotten */
  notice: number
  watched_max: number
  window_slots: number
  counts: Record<string, number>
  size: number
  floor: number
  /** floor + notice */
  notice_at: number
  watched: WatchedItem[]
  watched_by_name: Record<string, WatchedItem | undefined>
  /** slots since 1970, when it was last looked at; 0: never */
  slot: number
  window: number
  purges: number
  forgotten: number
  /** items that would have been watched, had there been room */
  unwatched: number
}

interface HotLimits {
  capacity: number
  notice: number
  watched_max: number
  /** slots that make a window: what rates are taken over */
  window_slots: number
}

/** A purge drops at least half, and sorts counts up to here in one go. */
const HISTOGRAM_SIZE = 256

export function newHotCounter(limits: HotLimits): HotCounter {
  return {
    capacity: limits.capacity,
    notice: Math.max(2, limits.notice),
    watched_max: limits.watched_max,
    window_slots: limits.window_slots,
    counts: {},
    size: 0,
    floor: 0,
    notice_at: Math.max(2, limits.notice),
    watched: [],
    watched_by_name: {},
    slot: 0,
    window: 0,
    purges: 0,
    forgotten: 0,
    unwatched: 0,
  }
}

/** On the path of every request. */
export function countItem(counter: HotCounter, item: string): void {
  const before = counter.counts[item]
  if (before === undefined) {
    addItem(counter, item)
    return
  }
  const now = before + 1
  counter.counts[item] = now
  if (now === counter.notice_at) watchItem(counter, item)
}

function addItem(counter: HotCounter, item: string): void {
  if (counter.size >= counter.capacity) purge(counter)
  counter.counts[item] = counter.floor + 1
  counter.size += 1
}

/** The count that at least half of the items do not exceed: looked for above the floor, below which nothing is. */
function cutOf(counter: HotCounter): number {
  const histogram: number[] = []
  for (let i = 0; i < HISTOGRAM_SIZE; i++) histogram.push(0)
  const floor = counter.floor
  for (const item in counter.counts) {
    const above = Math.min(HISTOGRAM_SIZE - 1, (counter.counts[item] as number) - floor)
    histogram[above] = (histogram[above] as number) + 1
  }
  let dropped = 0
  for (let above = 0; above < HISTOGRAM_SIZE - 1; above++) {
    dropped += histogram[above] as number
    if (2 * dropped >= counter.size) return floor + above
  }
  return floor + HISTOGRAM_SIZE - 2
}

/** Each raise of the floor by one takes one from at least half of the items, so it cannot exceed 2 N / capacity. */
function purge(counter: HotCounter): void {
  const before = counter.size
  do {
    const cut = cutOf(counter)
    const kept: Record<string, number> = {}
    let size = 0
    for (const item in counter.counts) {
      const count = counter.counts[item] as number
      if (count > cut) {
        kept[item] = count
        size += 1
      }
    }
    counter.counts = kept
    counter.size = size
    counter.floor = cut
  } while (2 * counter.size > counter.capacity)
  counter.notice_at = counter.floor + counter.notice
  counter.purges += 1
  counter.forgotten += before - counter.size
}

/** The heaviest of the window that runs, the most first. For looking on, not for the path of a request. */
export function heaviest(counter: HotCounter, most: number): string[] {
  const items: string[] = []
  for (const item in counter.counts) items.push(item)
  const { counts } = counter
  items.sort((a, b) => {
    const difference = (counts[b] as number) - (counts[a] as number)
    if (difference !== 0) return difference
    return a < b ? -1 : a > b ? 1 : 0
  })
  const first: string[] = []
  for (let i = 0; i < most && i < items.length; i++) first.push(items[i] as string)
  return first
}

// What is watched.

function watchItem(counter: HotCounter, item: string): void {
  if (counter.watched_by_name[item] !== undefined) return
  const count = counter.counts[item] as number
  // what came in this window came within the last window_slots
  watch(counter, item, count, count - counter.floor)
}

function watch(counter: HotCounter, item: string, counted: number, sum: number): void {
  const place = placeFor(counter, sum)
  if (place < 0) {
    counter.unwatched += 1
    return
  }
  const slots: number[] = []
  for (let i = 0; i < counter.window_slots; i++) slots.push(0)
  slots[counter.slot % counter.window_slots] = sum
  const watched: WatchedItem = { item, counted, slots, sum, asked_for: false }
  const driven_out = counter.watched[place]
  if (driven_out !== undefined) counter.watched_by_name[driven_out.item] = undefined
  counter.watched[place] = watched
  counter.watched_by_name[item] = watched
}

/** A free one, or that of an item with fewer requests; −1: there is none. */
function placeFor(counter: HotCounter, sum: number): number {
  const { watched } = counter
  if (watched.length < counter.watched_max) return watched.length
  let place = -1
  let least = sum
  for (let i = 0; i < watched.length; i++) {
    const one = watched[i] as WatchedItem
    if (one.sum < least && !one.asked_for) {
      place = i
      least = one.sum
    }
  }
  return place
}

/** Another worker tells of `item`: so does this one from now on, whatever it has. */
export function watchForOthers(counter: HotCounter, item: string): void {
  let watched = counter.watched_by_name[item]
  if (watched === undefined) {
    const count = counter.counts[item] ?? counter.floor
    watch(counter, item, count, count - counter.floor)
    watched = counter.watched_by_name[item]
  }
  if (watched !== undefined) watched.asked_for = true
}

/** Looks at what came since the last time; `slot` is the time in slots. A new window begins with nothing counted. */
export function turnHotCounter(counter: HotCounter, slot: number): void {
  const first = counter.slot + 1
  const skipped = slot - counter.slot
  counter.slot = slot
  const window = Math.floor(slot / counter.window_slots)
  const is_new_window = window !== counter.window
  let kept = 0
  for (let i = 0; i < counter.watched.length; i++) {
    const one = counter.watched[i] as WatchedItem
    if (skipped > 0) emptySlots(one, first, Math.min(skipped, counter.window_slots))
    lookAt(counter, one)
    if (is_new_window) one.counted = 0
    if (one.sum > 0 || one.asked_for) {
      counter.watched[kept] = one
      kept += 1
    } else {
      counter.watched_by_name[one.item] = undefined
    }
    one.asked_for = false
  }
  while (counter.watched.length > kept) counter.watched.pop()
  if (is_new_window) startWindow(counter, window)
}

function emptySlots(one: WatchedItem, first: number, count: number): void {
  const length = one.slots.length
  for (let i = 0; i < count; i++) {
    const place = (first + i) % length
    one.sum -= one.slots[place] as number
    one.slots[place] = 0
  }
}

function lookAt(counter: HotCounter, one: WatchedItem): void {
  const count = counter.counts[one.item]
  // forgotten, and perhaps counted anew: from the floor on
  if (count === undefined || count <= one.counted) return
  const came = count - one.counted
  const place = counter.slot % counter.window_slots
  one.slots[place] = (one.slots[place] as number) + came
  one.sum += came
  one.counted = count
}

function startWindow(counter: HotCounter, window: number): void {
  counter.window = window
  counter.counts = {}
  counter.size = 0
  counter.floor = 0
  counter.notice_at = counter.notice
}
