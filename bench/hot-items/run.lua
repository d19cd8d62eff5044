-- luajit run.lua FOLDER SEED WINDOWS EVENTS KEYS CAPACITY: the gate's own counter over windows of a Zipf(1.1) stream, against
-- exact counts. Prints one line of JSON. LuaJIT is set as the gate sets it.
local folder, seed, windows, events, keys, capacity = arg[1], tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5]), tonumber(arg[6])
package.path = folder .. '/?.lua;' .. package.path
local hot = require('hot_items')
local ffi = require('ffi')
collectgarbage('setpause', 400)
jit.opt.start('maxirconst=4000')
local TOP = 20

local cumulative, sum = ffi.new('double[?]', keys + 1), 0
for rank = 1, keys do
  sum = sum + rank ^ -1.1
  cumulative[rank] = sum
end
math.randomseed(seed)
local names = {}
for rank = 1, keys do names[rank] = 'item-' .. (rank * 7919 % 1000003) end

local function draw()
  local wanted, low, high = math.random() * sum, 1, keys
  while low < high do
    local middle = math.floor((low + high) / 2)
    if cumulative[middle] < wanted then low = middle + 1 else high = middle end
  end
  return names[low]
end

local function stream()
  local items = {}
  for i = 1, events do items[i] = draw() end
  return items
end

-- the counts of the first and the next after the top
local function exactCounts(items)
  local counts, all = {}, {}
  for _, item in ipairs(items) do
    if counts[item] == nil then all[#all + 1] = item end
    counts[item] = (counts[item] or 0) + 1
  end
  table.sort(all, function(a, b) return counts[a] > counts[b] end)
  return counts, counts[all[TOP]], #all
end

-- text and table of what a full counter holds, beside the texts that requests hold anyway
local function bytesOf(counter)
  local bytes = 0
  for item in pairs(counter.counts) do bytes = bytes + 24 + #item + 1 end
  return bytes
end

local rates, right, shown, worst_over, bytes, distinct = {}, 0, 0, 0, 0, 0
for window = 1, windows do
  local items = stream()
  local counts, least, different = exactCounts(items)
  distinct = math.max(distinct, different)
  collectgarbage()
  collectgarbage()
  local before = collectgarbage('count')
  local counter = hot.newHotCounter({ capacity = capacity, notice = 1e9, watched_max = 96, window_slots = 25 })
  local began = os.clock()
  for i = 1, events do hot.countItem(counter, items[i]) end
  rates[window] = events / (os.clock() - began)
  collectgarbage()
  collectgarbage()
  bytes = math.max(bytes, (collectgarbage('count') - before) * 1024 + bytesOf(counter))
  local top = hot.heaviest(counter, TOP)
  for _, item in ipairs(top) do
    shown = shown + 1
    if (counts[item] or 0) >= least then right = right + 1 end
  end
  local floor_max = 2 * events / capacity
  for item, count in pairs(counter.counts) do
    local over = count - counts[item]
    if over < 0 or over > counter.floor or counter.floor > floor_max then
      io.stderr:write(item, ': counted ', count, ', true ', counts[item], ', floor ', counter.floor, '\n')
      os.exit(1)
    end
    worst_over = math.max(worst_over, over)
  end
end
table.sort(rates)
io.write(string.format(
  '{"keys_per_s":%.0f,"slowest":%.0f,"recall":%.4f,"precision":%.4f,"bytes":%.0f,"over_max":%d,"distinct":%d}\n',
  rates[math.floor((windows + 1) / 2)], rates[1], right / (TOP * windows), right / shown, bytes, worst_over, distinct))
