/* reply.c - loss and gradients -> text, produced as the socket drains. Knows nothing of HTTP or of
 * how the numbers came about. */
#include "loss/reply.h"

#include "decimal/decimal.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Text of one element at most: what may be opened, the number, what may be closed, and a comma. */
#define ELEMENT_MAX (TENSOR_RANK_MAX + DECIMAL_PRINT_MAX + TENSOR_RANK_MAX + 1)
_Static_assert(ELEMENT_MAX <= RESPONSE_ROOM_MIN, "every piece of a body has room for one element");

/* Elements that are converted at one go, from where they stand to text. */
#define BATCH 64

/* A reply whose text surely fits in this many bytes is sent as one buffer, a longer one as it is
 * written. */
#define WHOLE_MAX 120000

#define HEAD_MAX 64 /* {"loss": and a number */

/* The two gradients differ in their signs only, so a number is converted once: its digits and its
 * scale are kept in the memory of its value, and of a target that is not needed any more, for the
 * second gradient. */
enum conversion { CONVERT, CONVERT_AND_KEEP, KEPT };
_Static_assert(sizeof(struct decimal_scale) == sizeof(double),
               "a scale takes the place of a target");

/* A piece of the reply: text, and the tensor that follows it, if any. */
struct part {
    const char *text;
    const struct tensor *tensor;
    enum conversion conversion;
    bool negate; /* what is written are the negatives */
};

struct reply {
    struct tensor gradient; /* with respect to the predictions; empty where none was asked for */
    struct tensor losses;   /* of each element, where the reduction is "none" */
    struct tensor
        scales; /* of the gradient's digits, once they are kept; empty where they are not */
    char head[HEAD_MAX];
    struct part parts[4];
    size_t part_count;
    /* Where the text stands: */
    size_t part;
    bool text_written; /* of this part */
    size_t index;      /* of the next element of this part's tensor */
};

/* How many dimensions begin a new row at element index, which begins one, or is the tensor's
 * length. */
static size_t rows_begun(const struct tensor *tensor, size_t index)
{
    size_t rows = 1;
    size_t stride = tensor->shape[tensor->rank - 1];
    while (rows < tensor->rank) {
        stride *= tensor->shape[tensor->rank - 1 - rows];
        if (index % stride != 0) break;
        rows++;
    }
    return rows;
}

static char *repeat(char *out, char c, size_t count)
{
    memset(out, c, count);
    return out + count;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Writes numbers from an index of a part's tensor on, at most BATCH, each with a comma; returns
 * their length. */
static size_t write_numbers(const struct reply *reply, const struct part *part, size_t index,
                            size_t count, char *out)
{
    double *values = part->tensor->values + index;
    if (part->conversion == CONVERT) {
        uint64_t digits[BATCH];
        struct decimal_scale scales[BATCH];
        decimal_shortest_run(values, count, digits, scales);
        return decimal_write_run(digits, scales, count, part->negate, out);
    }
    struct decimal_scale *kept = (struct decimal_scale *)reply->scales.values + index;
    if (part->conversion == CONVERT_AND_KEEP) decimal_shortest_run(values, count, values, kept);
    return decimal_write_run(values, kept, count, part->negate, out);
}

/* Writes elements from reply->index on while there is room; returns the bytes written. */
static size_t write_elements(struct reply *reply, const struct part *part, char *out, size_t room)
{
    const struct tensor *tensor = part->tensor;
    const char *limit = out + room;
    size_t row = tensor->shape[tensor->rank - 1];
    size_t index = reply->index;
    size_t column = index % row;
    char *p = out;

    while (index < tensor->length && (size_t)(limit - p) >= ELEMENT_MAX) {
        if (column == 0) p = repeat(p, '[', rows_begun(tensor, index));
        size_t room_for = ((size_t)(limit - p) - TENSOR_RANK_MAX - 1) / DECIMAL_PRINT_MAX;
        size_t count = least(least(row - column, BATCH), room_for);
        p += write_numbers(reply, part, index, count, p);
        index += count;
        column += count;
        if (column == row) {
            column = 0;
            p = repeat(p - 1, ']', rows_begun(tensor, index));
            if (index < tensor->length) *p++ = ',';
        }
    }
    reply->index = index;
    return (size_t)(p - out);
}

static size_t write_text(void *source, char *out, size_t room)
{
    struct reply *reply = source;
    size_t written = 0;
    for (; reply->part < reply->part_count; reply->part++) {
        const struct part *part = &reply->parts[reply->part];
        if (!reply->text_written) {
            size_t length = strlen(part->text);
            if (length > room - written) return written;
            memcpy(out + written, part->text, length);
            written += length;
            reply->text_written = true;
        }
        if (part->tensor != NULL) {
            written += write_elements(reply, part, out + written, room - written);
            if (reply->index < part->tensor->length) return written;
        }
        reply->text_written = false;
        reply->index = 0;
    }
    return written;
}

/* Lays the reply out in parts; it must not move any more. */
static void lay_out(struct reply *reply, const struct request *request, double loss)
{
    struct part *part = reply->parts;
    size_t length = (size_t)(stpcpy(reply->head, "{\"loss\":") - reply->head);
    const char *name = ",\"gradients\":{\"targets\":";
    bool has_gradient = request->wants_predictions || request->wants_targets;
    bool keeps = reply->scales.length > 0;

    if (request->reduction != REQUEST_NONE) length += decimal_print(loss, reply->head + length);
    reply->head[length] = '\0';
    *part++ = (struct part){reply->head, reply->losses.length > 0 ? &reply->losses : NULL, CONVERT,
                            false};
    if (request->wants_predictions) {
        *part++ = (struct part){",\"gradients\":{\"predictions\":", &reply->gradient,
                                keeps ? CONVERT_AND_KEEP : CONVERT, false};
        name = ",\"targets\":";
    }
    if (request->wants_targets)
        *part++ = (struct part){name, &reply->gradient, keeps ? KEPT : CONVERT, true};
    *part++ = (struct part){has_gradient ? "}}" : "}", NULL, CONVERT, false};

    reply->part_count = (size_t)(part - reply->parts);
    reply->part = 0;
    reply->text_written = false;
    reply->index = 0;
}

/* More bytes than the text can have. */
static size_t text_bound(const struct reply *reply)
{
    size_t bound = HEAD_MAX;
    for (size_t i = 0; i < reply->part_count; i++) {
        const struct tensor *tensor = reply->parts[i].tensor;
        bound += HEAD_MAX;
        if (tensor != NULL)
            bound += tensor->length * (DECIMAL_PRINT_MAX + 2 * tensor->rank) + 2 * tensor->rank;
    }
    return bound;
}

static void release(void *source)
{
    struct reply *reply = source;
    tensor_free(&reply->gradient);
    tensor_free(&reply->losses);
    tensor_free(&reply->scales);
    free(reply);
}

static void move_tensor(struct tensor *to, struct tensor *from)
{
    *to = *from;
    tensor_init(from, from->budget);
}

bool reply_answer(struct job *job, struct response *answer)
{
    struct request *request = &job->request;
    struct reply *reply = malloc(sizeof *reply);
    if (reply == NULL) return false;
    size_t elements = request->predictions.length;
    tensor_init(&reply->gradient, NULL);
    tensor_init(&reply->losses, NULL);
    tensor_init(&reply->scales, NULL);
    if (request->reduction == REQUEST_NONE) {
        move_tensor(&reply->losses, &request->targets);
    } else if (request->wants_predictions && request->wants_targets) {
        move_tensor(&reply->scales, &request->targets);
    }
    if (request->wants_predictions || request->wants_targets)
        move_tensor(&reply->gradient, &request->predictions);
    request_free(request);
    lay_out(reply, request, job->loss);

    *answer =
        (struct response){.status = 200, .media_type = "application/json", .elements = elements};
    size_t bound = text_bound(reply);
    if (bound > WHOLE_MAX) {
        answer->next = write_text;
        answer->release = release;
        answer->source = reply;
        return true;
    }
    answer->text = malloc(bound + RESPONSE_ROOM_MIN);
    if (answer->text != NULL)
        answer->length = write_text(reply, answer->text, bound + RESPONSE_ROOM_MIN);
    release(reply);
    return answer->text != NULL;
}
