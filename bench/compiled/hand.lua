-- The same path of a purchase, the same checks in the same order, as one would write it in Lua by hand.
--
-- What nginx, libcrypto and cjson are asked is what the compiled path asks them; only the Lua between is another.
local base64 = require "ngx.base64"
local bit = require "bit"
local cjson = require "cjson.safe"
local ffi = require "ffi"

local byte, char, find, match, sub = string.byte, string.char, string.find, string.match, string.sub
local bxor, band, rshift = bit.bxor, bit.band, bit.rshift
local floor, tonumber, type = math.floor, tonumber, type
local decode_base64url, encode_base64url = base64.decode_base64url, base64.encode_base64url
local ngx_var, ngx_req, ngx_now, crc32 = ngx.var, ngx.req, ngx.now, ngx.crc32_long
local ffi_copy, ffi_string = ffi.copy, ffi.string

local LINE = "held 17 1767225600000"
local BLOCK, DIGEST = 64, 32

-- under other names than the gate's, because both are loaded into one process
ffi.cdef [[
  typedef struct { uint32_t h[8]; uint32_t nl, nh; uint32_t data[16]; unsigned int num, md_len; } hand_sha256;
  int hand_sha256_init(hand_sha256 *state) __asm__("SHA256_Init");
  int hand_sha256_update(hand_sha256 *state, const char *data, size_t bytes) __asm__("SHA256_Update");
  int hand_sha256_final(unsigned char *digest, hand_sha256 *state) __asm__("SHA256_Final");
  int hand_memcmp(const char *a, const char *b, size_t bytes) __asm__("CRYPTO_memcmp");
]]
local C = ffi.C
local scratch, digest = ffi.new("hand_sha256"), ffi.new("unsigned char[32]")
local STATE = ffi.sizeof("hand_sha256")

local function pad(key, value)
  local bytes = {}
  for i = 1, BLOCK do bytes[i] = char(bxor(byte(key, i) or 0, value)) end
  local state = ffi.new("hand_sha256")
  C.hand_sha256_init(state)
  C.hand_sha256_update(state, table.concat(bytes), BLOCK)
  return state
end

local function hmacKey(key)
  return { pad(key, 0x36), pad(key, 0x5c) }
end

local function hmac(key, message)
  ffi_copy(scratch, key[1], STATE)
  C.hand_sha256_update(scratch, message, #message)
  C.hand_sha256_final(digest, scratch)
  ffi_copy(scratch, key[2], STATE)
  C.hand_sha256_update(scratch, digest, DIGEST)
  C.hand_sha256_final(digest, scratch)
  return ffi_string(digest, DIGEST)
end

local function equal(a, b)
  return #a == #b and C.hand_memcmp(a, b, #a) == 0
end

local function isId(text)
  local length = #text
  if length == 0 or length > 64 then return false end
  for i = 1, length do
    local c = byte(text, i)
    if not (c >= 97 and c <= 122 or c >= 48 and c <= 57 or c == 95 or c == 45) then return false end
  end
  return true
end

local function isVisible(text)
  for i = 1, #text do
    local c = byte(text, i)
    if c <= 32 or c >= 127 then return false end
  end
  return true
end

local function tail(text, from, count)
  for i = from, from + count - 1 do
    local c = byte(text, i)
    if not c or c < 0x80 or c > 0xbf then return false end
  end
  return true
end

local function isUtf8(text)
  local i, length = 1, #text
  while i <= length do
    local c = byte(text, i)
    if c < 0x80 then
      i = i + 1
    else
      local second, count = byte(text, i + 1) or 0, nil
      if c >= 0xc2 and c <= 0xdf then count = 1
      elseif c >= 0xe0 and c <= 0xef then
        if c == 0xe0 and second < 0xa0 or c == 0xed and second > 0x9f then return false end
        count = 2
      elseif c >= 0xf0 and c <= 0xf4 then
        if c == 0xf0 and second < 0x90 or c == 0xf4 and second > 0x8f then return false end
        count = 3
      else return false end
      if not tail(text, i + 1, count) then return false end
      i = i + 1 + count
    end
  end
  return true
end

local function isJson(content_type)
  if not content_type then return false end
  local semicolon = find(content_type, ";", 1, true)
  local media = semicolon and sub(content_type, 1, semicolon - 1) or content_type
  return media == "application/json" or match(media:lower(), "^%s*(.-)%s*$") == "application/json"
end

-- s1.<key id>.<user>.<generation>.<level>.<expires_ms>.<sid>.<mac>
local function readToken(token, keys, now_ms)
  if #token > 512 or sub(token, 1, 3) ~= "s1." then return nil end
  local key_end = find(token, ".", 4, true)
  local user_end = key_end and find(token, ".", key_end + 1, true)
  local generation_end = user_end and find(token, ".", user_end + 1, true)
  local level_end = generation_end and find(token, ".", generation_end + 1, true)
  local expires_end = level_end and find(token, ".", level_end + 1, true)
  local sid_end = expires_end and find(token, ".", expires_end + 1, true)
  if not sid_end then return nil end
  local generation = tonumber(sub(token, user_end + 1, generation_end - 1))
  local level = sub(token, generation_end + 1, level_end - 1)
  local expires_ms = tonumber(sub(token, level_end + 1, expires_end - 1))
  if #level ~= 1 or level < "0" or level > "9" then return nil end
  if not generation or generation < 1 or generation >= 4294967296 then return nil end
  if not expires_ms or expires_ms <= 0 or expires_ms >= 1e14 then return nil end
  local key = keys[sub(token, 4, key_end - 1)]
  if not key or not equal(encode_base64url(hmac(key, sub(token, 1, sid_end - 1))), sub(token, sid_end + 1)) then
    return nil
  end
  if expires_ms <= now_ms then return nil end
  local user = decode_base64url(sub(token, key_end + 1, user_end - 1))
  if not user or user == "" or #user > 256 or not isUtf8(user) then return nil end
  return user, generation
end

local function packItem(body, index, quantity, generation, user)
  local high = floor(generation / 65536)
  local low = generation - high * 65536
  return body .. char(index, rshift(quantity, 8), band(quantity, 255), rshift(high, 8), band(high, 255),
    rshift(low, 8), band(low, 255), rshift(#user, 8), band(#user, 255)) .. user
end

local function saleOf(path)
  if sub(path, 1, 7) ~= "/sales/" then return nil end
  local slash = find(path, "/", 8, true)
  local sale = slash and sub(path, 8, slash - 1)
  if not sale or not isId(sale) or sub(path, slash + 1) ~= "reservations" then return nil end
  return sale
end

local M = {}

-- the subkey is handed in as bytes: deriving it is no part of the path
function M.prepare(key_id, session_subkey, id_key_text)
  local keys = { [key_id] = hmacKey(session_subkey) }
  local id_key = hmacKey(decode_base64url(id_key_text))
  local now = ngx_now() * 1000
  local sales = {
    bench = {
      id = "bench", state = "ready", rebuilding = false, epoch = 1, opens_ms = now - 3600000, closes_ms = now + 3600000,
      shards = 1, skus = { phone = true }, board = { epoch = 0, seen_ms = 0, skus = {} },
    },
  }
  local packed

  local function reserve(body, quantity, generation, user)
    packed = packItem(body, 1, quantity, generation, user)
    return { line = LINE }
  end

  return function()
    if ngx_req.get_method() ~= "POST" then return "method_not_allowed" end
    local name = saleOf(ngx_var.uri)
    if not name then return "not_found" end
    local now_ms = ngx_now() * 1000
    local authorization = ngx_var.http_authorization
    if not authorization or sub(authorization, 1, 7) ~= "Bearer " then return "no_session" end
    local user, generation = readToken(sub(authorization, 8), keys, now_ms)
    if not user then return "no_session" end

    if not isJson(ngx_var.http_content_type) then return "unsupported_media_type" end
    local key = ngx_var.http_idempotency_key
    if not key or key == "" or #key > 128 or not isVisible(key) then return "bad_request" end
    ngx_req.read_body()
    local text = ngx_req.get_body_data()
    if not text or not isUtf8(text) then return "bad_request" end
    local order = cjson.decode(text)
    if type(order) ~= "table" then return "bad_request" end
    local sku, quantity = order.sku, order.quantity
    if type(sku) ~= "string" or not isId(sku) then return "bad_request" end
    if type(quantity) ~= "number" or not (quantity >= 1 and quantity <= 100) or floor(quantity) ~= quantity then
      return "bad_request"
    end
    local sale = sales[name]
    if not sale or not sale.skus[sku] then return "not_found" end
    local is_retry = ngx_var.http_x_rush_retry == "1"
    if sale.state == "draft" then return "not_open" end
    if sale.rebuilding then return "rebuilding" end
    if not is_retry then
      if sale.state == "ended" or now_ms >= sale.closes_ms + 100 then return "ended" end
      if sale.state == "paused" then return "paused" end
      if now_ms < sale.opens_ms - 100 then return "not_open" end
      local board = sale.board
      if board.epoch == sale.epoch and now_ms - board.seen_ms <= 1000 then
        local stock = board.skus[sku]
        if stock and stock.free >= 0 and stock.free < quantity then return "sold_out" end
      end
    end

    local body = sub(encode_base64url(hmac(id_key,
      "2:id" .. #user .. ":" .. user .. #name .. ":" .. name .. #key .. ":" .. key)), 1, 22)
    local mac = sub(encode_base64url(hmac(id_key,
      "5:owner" .. #body .. ":" .. body .. #user .. ":" .. user)), 1, 16)
    local shard = sale.shards == 1 and 0 or crc32(user) % sale.shards
    local line = reserve(body, quantity, generation, user).line
    local space = find(line, " ", 1, true)
    local code = space and sub(line, 1, space - 1) or line
    if code ~= "held" then return code end
    local units_end = find(line, " ", space + 1, true)
    local id = "r1." .. name .. "." .. shard .. "." .. body .. "." .. mac
    return '{"reservation":"' .. id .. '","status":"held","units":[' .. sub(line, space + 1, units_end - 1)
      .. '],"poll":"/reservations/' .. id .. '","poll_after_ms":' .. floor(700 * (1 + 0.4 * 0.5)) .. '}' .. packed
  end
end

return M
