// gzip by the zlib that nginx is linked with: a page is compressed once when it is fetched, not for each who asks for it.
//
// Where nginx has no zlib of its own in reach, nothing is compressed here, and nginx' gzip filter does it for each answer.
import * as ffi from 'ffi'

ffi.cdef(`
  typedef struct {
    const char *next_in; unsigned int avail_in; unsigned long total_in;
    char *next_out; unsigned int avail_out; unsigned long total_out;
    const char *message; void *state; void *allocate; void *release; void *opaque;
    int data_type; unsigned long adler; unsigned long reserved;
  } rushgate_zlib;
  const char *rushgate_zlib_version(void) __asm__("zlibVersion");
  int rushgate_deflate_init(rushgate_zlib *stream, int level, int method, int window_bits, int memory_level, int strategy,
    const char *version, int bytes) __asm__("deflateInit2_");
  unsigned long rushgate_deflate_bound(rushgate_zlib *stream, unsigned long bytes) __asm__("deflateBound");
  int rushgate_deflate(rushgate_zlib *stream, int flush) __asm__("deflate");
  int rushgate_deflate_end(rushgate_zlib *stream) __asm__("deflateEnd");
`)

interface Stream extends ffi.CData {
  next_in: unknown
  avail_in: number
  next_out: unknown
  avail_out: number
  total_out: unknown
}

/** @noSelf */
interface Zlib {
  rushgate_zlib_version: () => ffi.CData
  rushgate_deflate_init: (
    stream: ffi.CData,
    level: number,
    method: number,
    window_bits: number,
    memory_level: number,
    strategy: number,
    version: ffi.CData,
    bytes: number,
  ) => number
  rushgate_deflate_bound: (stream: ffi.CData, bytes: number) => unknown
  rushgate_deflate: (stream: ffi.CData, flush: number) => number
  rushgate_deflate_end: (stream: ffi.CData) => number
}

const zlib = ffi.C as unknown as Zlib
const LEVEL = 6
const DEFLATED = 8
/** the largest window, and gzip's header and checksum around it */
const WINDOW_BITS = 15 + 16
const MEMORY_LEVEL = 8
const FINISH = 4
const STREAM_END = 1

function compress(text: string): string | undefined {
  const stream = ffi.new<Stream>('rushgate_zlib')
  const bytes = ffi.sizeof('rushgate_zlib') as number
  const version = zlib.rushgate_zlib_version()
  if (zlib.rushgate_deflate_init(stream, LEVEL, DEFLATED, WINDOW_BITS, MEMORY_LEVEL, 0, version, bytes) !== 0) {
    return undefined
  }
  const room = tonumber(zlib.rushgate_deflate_bound(stream, text.length)) as number
  const out = ffi.new<ffi.CData>('char[?]', room)
  stream.next_in = text
  stream.avail_in = text.length
  stream.next_out = out
  stream.avail_out = room
  const outcome = zlib.rushgate_deflate(stream, FINISH)
  const length = tonumber(stream.total_out) as number
  zlib.rushgate_deflate_end(stream)
  return outcome === STREAM_END ? ffi.string(out, length) : undefined
}

/** undefined where there is no zlib, or nothing to be gained. */
export function gzip(text: string): string | undefined {
  const [ok, compressed] = pcall(compress, text)
  if (!ok || compressed === undefined || compressed.length >= text.length) return undefined
  return compressed
}
