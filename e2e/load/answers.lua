-- What wrk asks of a walkthrough: a pace that leaves the machine to others, and the count of who answered.
-- The functions are wrk's own hooks (https://github.com/wg/wrk/blob/master/SCRIPTING).
local pause_ms = 50
local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init()
   answered = {}
   strange = 0
end

function delay()
   return pause_ms
end

function response(status, _, body)
   local pod = body:match("%S+")
   if status == 200 and pod then
      answered[pod] = (answered[pod] or 0) + 1
   else
      strange = strange + 1
   end
end

function done(summary)
   local failed = 0
   for _, count in pairs(summary.errors) do
      failed = failed + count
   end
   for _, thread in ipairs(threads) do
      failed = failed + thread:get("strange")
      for pod, count in pairs(thread:get("answered")) do
         print("answered", pod, count)
      end
   end
   print("failed", failed)
end
