-- Runs both paths over nginx's current request, and answers what each cost: one slice in a fresh worker, because what
-- LuaJIT makes of the same code differs from process to process.
--
-- Each purchase runs in a coroutine of its own, as nginx runs each request: what LuaJIT can make of a plain loop over
-- a thousand purchases, a gate never sees. What an empty coroutine costs is taken off again.
-- Costs are of this thread's CPU clock: what else runs on the machine does not count.
local ffi = require "ffi"
local cjson = require "cjson"
local crypto_subkey = require("hot_path").session_subkey

ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } bench_time;
  int bench_clock(int clock, bench_time *time) __asm__("clock_gettime");
]]
local THREAD_CPU = 3
local GARBAGE_COUNT = 1000
local time = ffi.new("bench_time")

local function nanoseconds()
  ffi.C.bench_clock(THREAD_CPU, time)
  return tonumber(time.seconds) * 1e9 + tonumber(time.nanoseconds)
end

-- nginx's own versions of these yield to its scheduler
local create, resume = coroutine._create or coroutine.create, coroutine._resume or coroutine.resume

local aborts, reasons = {}, {}
local current = "other"
local has_vmdef, vmdef = pcall(require, "jit.vmdef")
local jutil = require "jit.util"

local function place(func, pc)
  local info = jutil.funcinfo(func, pc)
  return info.loc or info.source or "?"
end

local function onTrace(what, _, func, pc, code, detail)
  if what ~= "abort" then return end
  aborts[current] = (aborts[current] or 0) + 1
  local reason = type(code) == "number" and has_vmdef and vmdef.traceerr[code] or tostring(code)
  if type(detail) == "number" and has_vmdef and reason:find("bytecode", 1, true) then
    local name = vmdef.bcnames:sub(detail * 6 + 1, detail * 6 + 6)
    reason = reason:gsub("%%%a", name)
  end
  local key = current .. ": " .. reason .. " at " .. place(func, pc)
  reasons[key] = (reasons[key] or 0) + 1
end

local function measure(name, purchase, count)
  current = name
  collectgarbage()
  local before = nanoseconds()
  for _ = 1, count do resume(create(purchase)) end
  local cost = (nanoseconds() - before) / count
  current = "other"
  return cost
end

-- bytes that one purchase leaves to the collector
local function garbage(purchase)
  collectgarbage()
  collectgarbage("stop")
  local before = collectgarbage("count")
  for _ = 1, GARBAGE_COUNT do resume(create(purchase)) end
  local bytes = (collectgarbage("count") - before) * 1024 / GARBAGE_COUNT
  collectgarbage("restart")
  return bytes
end

local function nothing() end

return function()
  local secret = os.getenv("RUSHGATE_SECRET")
  local id_key = os.getenv("BENCH_ID_KEY")
  local count = tonumber(os.getenv("BENCH_COUNT"))
  local ours = require("hot_path").prepare(secret, id_key)
  local hand = require("hand").prepare(secret:match("^[^:]+"), crypto_subkey(secret), id_key)
  local result = { ours_says = ours(), hand_says = hand() }
  require("jit").attach(onTrace, "trace")
  local first, second = "ours", "hand"
  if os.getenv("BENCH_ORDER") == "hand_first" then first, second = second, first end
  local paths = { ours = ours, hand = hand }
  measure("other", nothing, count)
  measure(first, paths[first], count)
  measure(second, paths[second], count)
  result.warm_up_aborts, aborts = aborts, {}
  local empty = measure("other", nothing, count)
  result[first .. "_ns"] = measure(first, paths[first], count) - empty
  result[second .. "_ns"] = measure(second, paths[second], count) - empty
  require("jit").attach(onTrace)
  result.aborts, result.reasons = aborts, reasons
  local no_garbage = garbage(nothing)
  result.ours_bytes, result.hand_bytes = garbage(ours) - no_garbage, garbage(hand) - no_garbage
  result.ours_says = ngx.encode_base64(result.ours_says)
  result.hand_says = ngx.encode_base64(result.hand_says)
  ngx.say(cjson.encode(result))
end
