-- wrk.lua - posts the lines of a file in turn, and prints what was measured as "name value" pairs. Arguments: PATH,
-- FILE, and for NDJSON how many lines a body has.
local requests, turn = {}, 0

function init(arguments)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    local bodies = {}
    for line in io.lines(arguments[2]) do
        bodies[#bodies + 1] = line
    end
    if arguments[3] then
        wrk.headers["Content-Type"] = "application/x-ndjson"
        local lines = {}
        for i = 1, tonumber(arguments[3]) do
            lines[i] = bodies[(i - 1) % #bodies + 1]
        end
        bodies = {table.concat(lines, "\n")}
    end
    for _, body in ipairs(bodies) do
        requests[#requests + 1] = wrk.format(nil, arguments[1], nil, body)
    end
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("requests %d failed %d seconds %.6f median_us %.3f p99_us %.3f\n", summary.requests, failed,
        summary.duration / 1e6, latency:percentile(50), latency:percentile(99)))
end
