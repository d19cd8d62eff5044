// RUSHGATE_SECRET_FILE: secrets in a file, so that a reload takes new ones (nginx' master keeps the environment it was started with).
//
// Guarantee: a file that everybody may read or write is refused, where the system can tell (statx, Linux).
import * as ffi from 'ffi'

// a name of our own, as in crypto.ts
ffi.cdef('int rushgate_statx(int folder, const char *path, int flags, unsigned int mask, void *into) __asm__("statx");')

/** @noSelf */
interface LibC {
  rushgate_statx: (folder: number, path: string, flags: number, mask: number, into: ffi.CData) => number
}

const AT_FDCWD = -100
const STATX_MODE = 2
/** of struct statx, the same on every machine */
const STATX_BYTES = 256
const MODE_AT = 28

/** Permission bits of everybody else, 0 to 7. */
function bitsOfOthers(path: string): number {
  const into = ffi.new<ffi.CArray>('unsigned char[?]', STATX_BYTES)
  if ((ffi.C as unknown as LibC).rushgate_statx(AT_FDCWD, path, 0, STATX_MODE, into) !== 0) return 0
  return (into[MODE_AT] as number) % 8
}

export function readSecretFile(path: string): string {
  const [file, failure] = io.open(path, 'r')
  if (file === undefined) error('RUSHGATE_SECRET_FILE: ' + tostring(failure), 0)
  const [is_known, others] = pcall(bitsOfOthers, path)
  if (is_known && (others as number) > 0) {
    error('RUSHGATE_SECRET_FILE: ' + path + ' is open to every user of this machine: chmod o= ' + path, 0)
  }
  const text = (file as LuaFile).read('*a') as string
  ;(file as LuaFile).close()
  return text
}
