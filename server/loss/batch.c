/* batch.c - the lines of a body, each to the JSON codec as if it were alone, and what comes of each
 * to outcomes. Knows nothing of JSON but that a line feed is never within a document. */
#include "loss/batch.h"

#include "base/clock.h"
#include "loss/json_codec.h"
#include "loss/outcomes.h"
#include "service.h"

#include <stdlib.h>
#include <string.h>

struct batch {
    struct work work;
    struct tensor_budget *budget;
    struct outcomes *outcomes;
    bool has_text;   /* the current line has more than white space so far */
    bool has_return; /* it has a carriage return that is not decoded yet: if a line feed follows, it
                        belongs to the line's end */
    bool has_job;    /* of the line before, which has ended */
    struct job job;
    _Alignas(max_align_t) unsigned char decoder[]; /* of the current line */
};

/* ---- one line */

static void decode(struct batch *batch, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t taken = json_codec.receive(batch->decoder, bytes, length);
        bytes += taken;
        length -= taken;
    }
}

static bool is_blank(const char *bytes, const char *end)
{
    while (bytes < end && (*bytes == ' ' || *bytes == '\t' || *bytes == '\r')) bytes++;
    return bytes == end;
}

/* More of the current line, without its line feed. */
static void take_part(struct batch *batch, const char *bytes, const char *end)
{
    if (bytes == end) return;
    if (!batch->has_text) batch->has_text = !is_blank(bytes, end);
    if (batch->has_return) decode(batch, "\r", 1);
    batch->has_return = end[-1] == '\r';
    if (batch->has_return) end--;
    decode(batch, bytes, (size_t)(end - bytes));
}

static void begin_line(struct batch *batch)
{
    batch->has_text = false;
    batch->has_return = false;
    json_codec.begin(batch->decoder, NULL, batch->budget);
}

/* The current line has ended. */
static void end_line(struct batch *batch)
{
    struct problem problem;
    if (batch->has_text) {
        batch->has_job =
            codec_make_job(&json_codec, &json_codec, batch->decoder, &batch->job, &problem);
        if (!batch->has_job) outcomes_add_problem(batch->outcomes, &problem);
    }
    json_codec.end(batch->decoder);
    begin_line(batch);
}

/* Goes on with the job. false: it is not done. */
static bool step(struct batch *batch)
{
    struct request_fault fault;
    struct problem problem;
    struct result result;
    switch (job_step(&batch->job, &fault)) {
    case JOB_MORE:
        return false;
    case JOB_DONE:
        job_take_result(&batch->job, &result);
        outcomes_add_result(batch->outcomes, &result);
        break;
    case JOB_BAD:
        json_codec.explain(&batch->job.request, &fault, &problem);
        outcomes_add_problem(batch->outcomes, &problem);
        break;
    }
    job_free(&batch->job);
    batch->has_job = false;
    return true;
}

/* ---- the body */

/* Takes lines until others have waited long enough. Where a line's job is not done nothing more is
 * taken, perhaps nothing at all. */
static size_t receive(struct work *work, const char *bytes, size_t length)
{
    struct batch *batch = (struct batch *)work;
    const char *next = bytes;
    const char *limit = bytes + length;
    uint64_t end = clock_nanoseconds() + JOB_STRETCH;
    do {
        if (batch->has_job && !step(batch)) break;
        const char *feed = memchr(next, '\n', (size_t)(limit - next));
        take_part(batch, next, feed != NULL ? feed : limit);
        if (feed != NULL) end_line(batch);
        next = feed != NULL ? feed + 1 : limit;
    } while (next < limit && clock_nanoseconds() < end);
    return (size_t)(next - bytes);
}

static void refuse_empty(struct response *response)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_NO_LINE, "",
                "The body has no lines; send one JSON request per line.");
    json_codec.refuse(&problem, response);
}

static bool respond(struct work *work, struct response *response)
{
    struct batch *batch = (struct batch *)work;
    if (batch->has_job && !step(batch)) return false;
    if (batch->has_text) {
        if (batch->has_return) decode(batch, "\r", 1);
        end_line(batch);
        if (batch->has_job && !step(batch)) return false;
    }
    if (outcomes_count(batch->outcomes) == 0) {
        refuse_empty(response);
        return true;
    }
    outcomes_respond(batch->outcomes, &json_codec, batch_codec.media_type, response);
    batch->outcomes = NULL;
    return true;
}

static void close_work(struct work *work)
{
    struct batch *batch = (struct batch *)work;
    if (batch->has_job) job_free(&batch->job);
    json_codec.end(batch->decoder);
    outcomes_free(batch->outcomes);
    free(batch);
}

static struct work *open_work(struct service *service, const struct head *head,
                              struct response *response)
{
    (void)head;
    struct outcomes *outcomes = outcomes_create(&service->budget);
    struct batch *batch = malloc(sizeof *batch + json_codec.decoder_size);
    if (outcomes == NULL || batch == NULL) {
        struct problem problem;
        problem_set_out_of_memory(&problem);
        json_codec.refuse(&problem, response);
        outcomes_free(outcomes);
        free(batch);
        return NULL;
    }
    batch->work = (struct work){receive, respond, close_work, NULL};
    batch->budget = &service->budget;
    batch->outcomes = outcomes;
    batch->has_job = false;
    metrics_count_format(batch_codec.format);
    begin_line(batch);
    return &batch->work;
}

static const char *const requests[] = {"application/x-ndjson", "application/jsonl",
                                       "application/ndjson", NULL};

const struct codec batch_codec = {.format = METRICS_NDJSON,
                                  .media_type = "application/x-ndjson",
                                  .requests = requests,
                                  .open = open_work};
