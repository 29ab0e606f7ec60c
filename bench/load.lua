-- Load for wrk: a loop of POST /transactions/new, and how many answers had another status than 201.
--
--     wrk -t1 -c32 -d3s -s load.lua http://127.0.0.1:5000/transactions/new
--
-- Each request posts a transaction of its own. The last line of the output is one JSON object. It counts on one thread (-t1) only.

local thread_of_wrk

function setup(thread)
   thread_of_wrk = thread
end

local posted = 0
local head

function init()
   wrong_status = 0
   -- Nine digits for the amount: all bodies are of one length, and so the head is the same for all.
   head = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, string.rep(" ", #transaction(0)))
   head = head:gsub(" +$", "")
end

function transaction(number)
   return string.format(
      '{"sender": "d4ee26eee15148ee92c6cd394edd974e", "recipient": "8f0d1a6c2b7e4935a1c0e5f7b3d92846", "amount": %d}',
      100000000 + number)
end

function request()
   posted = posted + 1
   return head .. transaction(posted)
end

function response(status)
   if status ~= 201 then
      wrong_status = wrong_status + 1
   end
end

function done(summary)
   local errors = summary.errors
   io.write(string.format('{"answers": %d, "microseconds": %d, "wrong_status": %d, "socket_errors": %d}\n',
      summary.requests, summary.duration, thread_of_wrk:get("wrong_status"),
      errors.connect + errors.read + errors.write + errors.timeout))
end
