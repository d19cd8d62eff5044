// A name for this gate among others, for the time that its nginx runs: host and master process.
import * as ffi from 'ffi'

const HOST_NAME_BYTES_MAX = 255

// names of our own, as in crypto.ts
ffi.cdef(`
  int rushgate_gate_host(char *into, size_t bytes) __asm__("gethostname");
  int rushgate_gate_master(void) __asm__("getppid");
`)

/** @noSelf */
interface Library {
  rushgate_gate_host: (into: ffi.CData, bytes: number) => number
  rushgate_gate_master: () => number
}

/** Without spaces. For a worker to ask: its parent is the master. */
export function gateName(): string {
  const library = ffi.C as unknown as Library
  const name = ffi.new<ffi.CData>('char[256]')
  const host = library.rushgate_gate_host(name, HOST_NAME_BYTES_MAX) === 0 ? ffi.string(name) : 'unknown'
  const [plain] = string.gsub(host, '[^%w._-]', '_')
  return plain + ':' + tostring(library.rushgate_gate_master())
}
