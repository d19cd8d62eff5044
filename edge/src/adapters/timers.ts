// What runs beside requests: timers, and loops that are started again when they fail.

export function startTimer(
  delay_s: number,
  callback: (this: void, premature: boolean) => void,
  is_repeated: boolean,
): void {
  const [ok, failure] = is_repeated ? ngx.timer.every(delay_s, callback) : ngx.timer.at(delay_s, callback)
  if (!ok) error('timer: ' + tostring(failure), 0)
}

/** `run` again and again, as a timer of its own. */
export function following(name: string, run: (this: void) => void): (this: void, premature: boolean) => void {
  const follow = (premature: boolean): void => {
    if (premature) return
    const [ok, failure] = xpcall(run, debug.traceback)
    if (!ok) ngx.log(ngx.ERR, name, ': follower started again after: ', failure)
    if (!ngx.worker.exiting()) ngx.timer.at(ok ? 0 : 1, follow)
  }
  return follow
}
