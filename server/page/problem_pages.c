/* problem_pages.c - what each type of problem means, in words for people. Titles and statuses are
 * those of http/problem. */
#include "page/problem_pages.h"

#include <stdarg.h>
#include <stdio.h>

/* HTML, all of it. An example that begins with a brace is a body for POST /mse that is answered
 * with this problem, and mended one that is answered with 200. mended may be NULL. */
struct problem_page {
    const char *meaning;
    const char *example;
    const char *mend;
    const char *mended;
};

static const struct problem_page pages[PROBLEM_TYPES] = {
    [PROBLEM_MALFORMED_JSON] =
        {"The body is not one JSON document in UTF-8, as RFC 8259 defines it. <code>offset</code> "
         "is "
         "the position, counted from 0, of the first byte that cannot follow those before it.",
         "{\"predictions\":[1,2],\"targets\":[0,0,]}",
         "Look at the byte at <code>offset</code>. Frequent causes: a comma after the last "
         "element, "
         "<code>NaN</code> or <code>Infinity</code>, a number written as <code>.5</code> or "
         "<code>+1</code>, single quotes, a body that was cut off.",
         "{\"predictions\":[1,2],\"targets\":[0,0]}"},
    [PROBLEM_NESTING_TOO_DEEP] =
        {"More than 33 objects and arrays are open at once: the request itself and 32 arrays.",
         "{\"predictions\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],"
         "\"targets\":[0]}",
         "Flatten the arrays: the loss does not depend on how they nest.",
         "{\"predictions\":[1],\"targets\":[0]}"},
    [PROBLEM_DUPLICATE_MEMBER] =
        {"An object has the same member name twice, so it is unclear which value is meant. "
         "<code>offset</code> is where the second name begins.",
         "{\"predictions\":[1],\"targets\":[2],\"targets\":[3]}", "Remove one of the two members.",
         "{\"predictions\":[1],\"targets\":[3]}"},
    [PROBLEM_DAMAGED_ENCODING] =
        {"The body has a <code>Content-Encoding</code>, but is not in that coding: it is damaged "
         "or "
         "truncated, or bytes follow its end.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Encoding: gzip\n\n"
         "{\"predictions\":[1],\"targets\":[0]}",
         "Compress the body, or leave the header out. <code>deflate</code> is zlib's format "
         "(RFC 1950), not raw DEFLATE.",
         "POST /mse HTTP/1.1\nHost: localhost\n\n{\"predictions\":[1],\"targets\":[0]}"},
    [PROBLEM_MALFORMED_SAFETENSORS] =
        {"The body was sent as <code>application/safetensors</code>, but is not a safetensors "
         "file: "
         "eight bytes that give the length of the header, the header in JSON, then the data, "
         "without "
         "holes or overlaps.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: application/safetensors\n\n"
         "{\"predictions\":[1],\"targets\":[0]}",
         "Write the body with a safetensors library. Where it is JSON, send it as "
         "<code>application/json</code>.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: application/json\n\n"
         "{\"predictions\":[1],\"targets\":[0]}"},
    [PROBLEM_MALFORMED_HEADERS] =
        {"The headers do not frame one request as RFC 9112 wants it: for example "
         "<code>Content-Length</code> is given twice or beside <code>Transfer-Encoding</code>, or "
         "<code>Host</code> is missing. The connection is closed.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Length: 33\nTransfer-Encoding: chunked",
         "Use an HTTP library, which frames requests by itself, and do not set these headers by "
         "hand.",
         NULL},
    [PROBLEM_UNAUTHORIZED] =
        {"This server was started with <code>--token-file</code>. It asks for one of the tokens in "
         "that file, and the request has none of them.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: application/json",
         "Ask the operator for a token, and send it in the <code>Authorization</code> header.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
         "Authorization: Bearer TOKEN"},
    [PROBLEM_NOT_FOUND] = {"The server has nothing at this path. Paths are case-sensitive and have "
                           "no trailing slash.",
                           "GET /MSE/ HTTP/1.1\nHost: localhost",
                           "Use one of the paths that <code>detail</code> lists. If a proxy stands "
                           "before the server, "
                           "see whether it adds or removes a part of the path.",
                           "POST /mse HTTP/1.1\nHost: localhost"},
    [PROBLEM_METHOD_NOT_ALLOWED] =
        {"The path exists, but does not have this method. The <code>Allow</code> header lists "
         "those "
         "that it has.",
         "GET /mse HTTP/1.1\nHost: localhost",
         "Send the numbers with <code>POST</code>; read everything else with <code>GET</code>.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: application/json"},
    [PROBLEM_NOT_ACCEPTABLE] =
        {"The <code>Accept</code> header rules out every media type that this path can respond "
         "with.",
         "POST /mse HTTP/1.1\nHost: localhost\nAccept: text/csv",
         "Leave the header out, or accept one of the media types in <code>detail</code>.",
         "POST /mse HTTP/1.1\nHost: localhost\nAccept: application/json"},
    [PROBLEM_REQUEST_TIMEOUT] =
        {"The whole request must arrive within the time that <code>--request-timeout</code> allows "
         "(60 s by default). It did not, and the connection is closed.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Length: 33\n\n{\"predictions\":[1",
         "See that <code>Content-Length</code> is not larger than the body. On a slow network send "
         "fewer elements per request, or ask the operator for more time.",
         NULL},
    [PROBLEM_BODY_TOO_LARGE] =
        {"The body is larger than <code>--max-body</code> allows (256 MiB by default). "
         "<code>detail</code> has the limit of this server in bytes. The connection is closed.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Length: 268435457",
         "Write numbers with the digits that matter, not more. Or split the elements: sums of "
         "parts "
         "(<code>\"reduction\": \"sum\"</code>) can be added up. Or ask the operator for a higher "
         "limit.",
         NULL},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] =
        {"The server does not read bodies of this media type or content coding. "
         "<code>detail</code> "
         "says what it reads.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: text/csv\n\n1,0",
         "Send JSON, and say so in the <code>Content-Type</code> header.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: application/json\n\n"
         "{\"predictions\":[1],\"targets\":[0]}"},
    [PROBLEM_WRONG_TYPE] =
        {"A value has another type than belongs there, for example a string or <code>null</code> "
         "among numbers. <code>pointer</code> leads to it.",
         "{\"predictions\":[1,null],\"targets\":[0,0]}",
         "Replace the value. A missing measurement can be any number with a weight of 0.",
         "{\"predictions\":[1,0],\"targets\":[0,0],\"weights\":[1,0]}"},
    [PROBLEM_MISSING_MEMBER] = {"A request needs both <code>predictions</code> and "
                                "<code>targets</code>; one is absent.",
                                "{\"predictions\":[1]}",
                                "Add the member that <code>detail</code> names.",
                                "{\"predictions\":[1],\"targets\":[0]}"},
    [PROBLEM_UNKNOWN_MEMBER] =
        {"The request has a member that the contract does not know. It is refused rather than "
         "ignored, "
         "because a misspelt <code>weights</code> would silently change the result.",
         "{\"predictions\":[1],\"targets\":[0],\"weight\":[1]}",
         "Correct the member's name, or remove it.",
         "{\"predictions\":[1],\"targets\":[0],\"weights\":[1]}"},
    [PROBLEM_UNKNOWN_VALUE] =
        {"<code>reduction</code> or <code>gradients</code> names something that does not exist, or "
         "the same gradient twice.",
         "{\"predictions\":[1],\"targets\":[0],\"reduction\":\"average\"}",
         "Use <code>\"mean\"</code>, <code>\"sum\"</code> or <code>\"none\"</code> as the "
         "reduction; "
         "<code>\"predictions\"</code> and <code>\"targets\"</code> as gradients.",
         "{\"predictions\":[1],\"targets\":[0],\"reduction\":\"mean\"}"},
    [PROBLEM_NOT_RECTANGULAR] =
        {"Nested arrays at the same depth have different lengths, or numbers stand beside arrays. "
         "<code>pointer</code> leads to the first that differs.",
         "{\"predictions\":[[1,2],[3]],\"targets\":[[1,2],[3,4]]}",
         "Make all arrays of a depth equally long. To pad rows, give the padding a weight of 0.",
         "{\"predictions\":[[1,2],[3,0]],\"targets\":[[1,2],[3,4]],\"weights\":[[1,1],[1,0]]}"},
    [PROBLEM_SHAPE_MISMATCH] =
        {"<code>targets</code> or <code>weights</code> has another shape than "
         "<code>predictions</code>. Nothing is broadcast: a column against a row would give a loss "
         "that looks right and is wrong.",
         "{\"predictions\":[1,2],\"targets\":[[1],[2]]}",
         "Bring both to one shape, as <code>reshape</code> or <code>flatten</code> do in most "
         "languages.",
         "{\"predictions\":[1,2],\"targets\":[1,2]}"},
    [PROBLEM_NO_ELEMENT] = {"An array is empty, and there is no mean of nothing.",
                            "{\"predictions\":[],\"targets\":[]}",
                            "Send at least one element, or leave the request out.",
                            "{\"predictions\":[1],\"targets\":[0]}"},
    [PROBLEM_NO_LINE] =
        {"The body was sent as NDJSON, and has no line that is not white space.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: application/x-ndjson\n\n",
         "Send one JSON request per line.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: application/x-ndjson\n\n"
         "{\"predictions\":[1],\"targets\":[0]}"},
    [PROBLEM_NOT_FINITE] =
        {"An element of a binary format is NaN or infinite, and its weight is not 0. The mean "
         "squared "
         "error of such numbers is none.",
         "POST /mse HTTP/1.1\nHost: localhost\nContent-Type: application/safetensors\n\n"
         "(a file whose targets are 0 and NaN)",
         "Find where the number comes from. An element that does not count can be given the weight "
         "0, whatever it is.",
         NULL},
    [PROBLEM_NUMBER_OUT_OF_RANGE] =
        {"A number rounds to infinity: its magnitude is beyond 1.7976931348623157e308, the largest "
         "double. <code>pointer</code> leads to it.",
         "{\"predictions\":[1e400],\"targets\":[0]}", "Scale the numbers, or correct the exponent.",
         "{\"predictions\":[1e40],\"targets\":[0]}"},
    [PROBLEM_NUMBER_TOO_LONG] =
        {"The text of a number has more than 4096 bytes. Every digit is read, since each can "
         "decide "
         "how the number rounds, but not without end.",
         "&quot;predictions&quot;: [0.1000000000000000055511151231257827… and 4,060 digits more]",
         "Seventeen digits tell any two doubles apart.", NULL},
    [PROBLEM_REQUEST_TOO_COMPLEX] = {"Beside its arrays of numbers a request has more text, "
                                     "members or arrays than any MSE request "
                                     "needs: the limits are 4095 bytes, 64 members and 8 arrays.",
                                     "{\"a\":[1],\"b\":[1],\"c\":[1],\"d\":[1],\"e\":[1],\"f\":[1],"
                                     "\"g\":[1],\"h\":[1],\"i\":[1]}",
                                     "Send only the members of the contract.",
                                     "{\"predictions\":[1],\"targets\":[0]}"},
    [PROBLEM_INVALID_PARTIAL] =
        {"A partial, the exact sums of some elements, is not one: a sum is not written in its one "
         "canonical form, or no elements have such sums, or it cannot be the whole of this "
         "request.",
         "{\"predictions\":[1],\"targets\":[0],"
         "\"whole\":{\"elements\":1,\"weight_sum\":\"0x0p+0\",\"loss_sum\":\"0x1p+0\"}}",
         "Pass on what <code>POST /mse/partial</code> and <code>POST /mse/merge</code> return, "
         "unchanged. <code>pointer</code> is the member at fault.",
         "{\"predictions\":[1],\"targets\":[0],"
         "\"whole\":{\"elements\":1,\"weight_sum\":\"0x1p+0\",\"loss_sum\":\"0x1p+0\"}}"},
    [PROBLEM_NEGATIVE_WEIGHT] =
        {"A weight is below 0. A loss with negative weights has no minimum.",
         "{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[1,-1]}",
         "Use 0 to leave an element out.",
         "{\"predictions\":[1,2],\"targets\":[0,0],\"weights\":[1,0]}"},
    [PROBLEM_ZERO_WEIGHTS] =
        {"All weights are 0. The mean divides by their sum, so it does not exist.",
         "{\"predictions\":[1],\"targets\":[0],\"weights\":[0]}",
         "Give at least one element a weight, or ask for the sum, which is then 0.",
         "{\"predictions\":[1],\"targets\":[0],\"weights\":[0],\"reduction\":\"sum\"}"},
    [PROBLEM_OVERFLOW] =
        {"The exact loss, or an element of a gradient, is larger than any double. No infinity is "
         "returned in its place.",
         "{\"predictions\":[1e200],\"targets\":[-1e200]}", "Scale predictions and targets down.",
         "{\"predictions\":[1e100],\"targets\":[-1e100]}"},
    [PROBLEM_HEADERS_TOO_LARGE] =
        {"The request's headers have more than 32 KB together. The connection is closed.",
         "POST /mse HTTP/1.1\nHost: localhost\nCookie: … 40,000 bytes …",
         "Remove headers that this server does not need, such as cookies of another application.",
         NULL},
    [PROBLEM_INTERNAL_ERROR] =
        {"The server has found a fault in itself. The request may be correct.",
         "HTTP/1.1 500 Internal Server Error",
         "Report it with the request and with <code>detail</code>. Other "
         "requests are not affected.",
         NULL},
    [PROBLEM_MEMORY_EXHAUSTED] =
        {"The numbers of all requests under way take as much memory as <code>--max-memory</code> "
         "allows. "
         "It comes back as they end.",
         "HTTP/1.1 503 Service Unavailable\nRetry-After: 1",
         "Try again after <code>Retry-After</code> seconds, or send fewer elements per request. If "
         "it "
         "happens often, the operator can raise the limit or add an instance.",
         NULL},
    [PROBLEM_TOO_MANY_CONNECTIONS] =
        {"The server has as many connections as <code>--max-connections</code> allows. This one is "
         "closed.",
         "HTTP/1.1 503 Service Unavailable\nRetry-After: 1\nConnection: close",
         "Reuse connections, as HTTP libraries do with a session or a pool, and close those that "
         "are "
         "not needed.",
         NULL},
    [PROBLEM_DRAINING] =
        {"The server is about to stop. It finishes the requests that it has and takes no new ones.",
         "HTTP/1.1 503 Service Unavailable\nRetry-After: 1\nConnection: close",
         "Send the request again: behind a load balancer it reaches another instance.", NULL},
};

/* Appends formatted text, cut where the page is full, and returns the new length. */
__attribute__((format(printf, 4, 5))) static size_t append(char *page, size_t size, size_t length,
                                                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(page + length, size - length, format, arguments);
    va_end(arguments);
    if (added < 0) return length;
    return (size_t)added < size - length ? length + (size_t)added : size - 1;
}

static size_t append_head(char *page, size_t size, const char *title)
{
    return append(page, size, 0,
                  "<!DOCTYPE html>\n"
                  "<html lang=\"en\">\n"
                  "<head>\n"
                  "<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<title>%s - mse-server</title>\n"
                  "<link rel=\"icon\" href=\"data:,\">\n"
                  "<link rel=\"stylesheet\" href=\"../page.css\">\n"
                  "</head>\n"
                  "<body class=\"problem\">\n"
                  "<header class=\"bar\"><a class=\"name\" href=\"../\">mse-server</a></header>\n"
                  "<main>\n",
                  title);
}

static size_t append_example(char *page, size_t size, size_t length, const char *label,
                             const char *example)
{
    return append(page, size, length,
                  "<pre aria-label=\"%s\" role=\"region\" tabindex=\"0\"><code>%s</code></pre>\n",
                  label, example);
}

size_t problem_pages_print(char page[static PROBLEM_PAGES_MAX], enum problem_type type)
{
    const size_t size = PROBLEM_PAGES_MAX;
    const struct problem_page *text = &pages[type];
    size_t length = append_head(page, size, problem_title(type));
    length = append(page, size, length,
                    "<h1><span class=\"status\">%u</span> %s</h1>\n"
                    "<p>%s</p>\n"
                    "<h2>Example</h2>\n",
                    problem_status(type), problem_title(type), text->meaning);
    length = append_example(page, size, length, "Example", text->example);
    length = append(page, size, length, "<h2>How to fix it</h2>\n<p>%s</p>\n", text->mend);
    if (text->mended != NULL)
        length = append_example(page, size, length, "Fixed example", text->mended);
    return append(page, size, length,
                  "<p class=\"links\"><a href=\"./\">All problems</a> "
                  "<a href=\"../\">Try it</a> <a href=\"../openapi.yaml\">The contract</a></p>\n"
                  "</main>\n</body>\n</html>\n");
}

size_t problem_pages_print_index(char page[static PROBLEM_PAGES_INDEX_MAX])
{
    const size_t size = PROBLEM_PAGES_INDEX_MAX;
    size_t length = append_head(page, size, "Problems");
    length =
        append(page, size, length,
               "<h1>Problems</h1>\n"
               "<p>Every error is an <code>application/problem+json</code> document (RFC 9457). "
               "Its <code>type</code> is one of these.</p>\n<ul class=\"problems\">\n");
    for (int i = 0; i < PROBLEM_TYPES; i++) {
        enum problem_type type = (enum problem_type)i;
        length = append(page, size, length,
                        "<li><span class=\"status\">%u</span> <a href=\"%s\">%s</a></li>\n",
                        problem_status(type), problem_name(type), problem_title(type));
    }
    return append(page, size, length, "</ul>\n</main>\n</body>\n</html>\n");
}
