// The page's other thread: solves one challenge and says how far it is. Nothing but numbers and texts go in and out.
import { Solver } from './solver'

const SLICE = 5000
/** Told to the page no more often than this. */
const TOLD_MS = 200

export interface Task {
  challenge: string
  salt: string
  maxnumber: number
}

export type WorkerNews = { kind: 'progress'; progress: number } | { kind: 'solved'; number: number } | { kind: 'none' }

function tell(news: WorkerNews): void {
  postMessage(news)
}

function solve(task: Task): void {
  const solver = new Solver(task.challenge, task.salt, task.maxnumber)
  let told_ms = performance.now()
  while (!solver.done) {
    const number = solver.slice(SLICE)
    if (number !== undefined) {
      tell({ kind: 'solved', number })
      return
    }
    if (performance.now() - told_ms > TOLD_MS) {
      told_ms = performance.now()
      tell({ kind: 'progress', progress: solver.progress })
    }
  }
  tell({ kind: 'none' })
}

addEventListener('message', (event: MessageEvent<Task>) => solve(event.data))
