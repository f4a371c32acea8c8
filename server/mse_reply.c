/* mse_reply.c - loss and gradients -> text, produced as the socket drains. Knows nothing of HTTP or of how the numbers
 * came about. */
#include "mse_reply.h"

#include <decimal.h>
#include <stdlib.h>
#include <string.h>

/* Text before, between and after one element: what may be closed, a comma, what may be opened, the number, and what
 * is closed at the end. */
#define ELEMENT_MAX (TENSOR_RANK_MAX + 1 + TENSOR_RANK_MAX + DECIMAL_PRINT_MAX + TENSOR_RANK_MAX)
_Static_assert(ELEMENT_MAX <= ANSWER_ROOM_MIN, "every piece of a body has room for one element");

/* A reply whose text surely fits in this many bytes is sent as one buffer, a longer one as it is written. */
#define WHOLE_MAX 120000

#define HEAD_MAX 64 /* {"loss": and a number */

/* The two gradients differ in their signs only, so a number is converted once: its digits and its scale are kept in the
 * memory of its value, and of a target that is not needed any more, for the second gradient. */
struct scale {
    int exponent;
    int negative;
};
_Static_assert(sizeof(struct scale) == sizeof(double), "a scale takes the place of a target");
_Static_assert(sizeof(unsigned long long) == sizeof(double), "digits take the place of a value");

enum conversion { VALUE, NEGATED_VALUE, VALUE_KEPT, NEGATED_KEPT };

/* A piece of the reply: text, and the tensor that follows it, if any. */
struct part {
    const char *text;
    const struct tensor *tensor;
    enum conversion conversion;
};

struct mse_reply {
    struct tensor gradient; /* with respect to the predictions; empty where none was asked for */
    struct tensor losses;   /* of each element, where the reduction is "none" */
    struct tensor scales;   /* of the gradient's digits, once they are kept; empty where they are not */
    char head[HEAD_MAX];
    struct part parts[4];
    size_t part_count;
    /* Where the text stands: */
    size_t part;
    bool text_written; /* of this part */
    size_t index;      /* of the next element of this part's tensor */
};

/* How many dimensions begin a new row at element index. */
static size_t rows_begun(const struct tensor *tensor, size_t index)
{
    size_t rows = 0;
    size_t stride = 1;
    while (rows < tensor->rank) {
        stride *= tensor->shape[tensor->rank - 1 - rows];
        if (index % stride != 0) break;
        rows++;
    }
    return index == 0 ? tensor->rank : rows;
}

static char *repeat(char *out, char c, size_t count)
{
    memset(out, c, count);
    return out + count;
}

/* Writes the number at an index of a part's tensor; returns its length. */
static size_t write_number(const struct mse_reply *reply, const struct part *part, size_t index, char *out)
{
    double *value = &part->tensor->values[index];
    struct decimal decimal;
    struct scale scale;
    switch (part->conversion) {
    case VALUE:
        return decimal_print(*value, out);
    case NEGATED_VALUE:
        return decimal_print(-*value, out);
    case VALUE_KEPT:
        decimal = decimal_shortest(*value);
        scale = (struct scale){decimal.exponent, decimal.negative};
        memcpy(value, &decimal.digits, sizeof *value);
        memcpy(&reply->scales.values[index], &scale, sizeof scale);
        return decimal_write(decimal, out);
    case NEGATED_KEPT:
        memcpy(&decimal.digits, value, sizeof *value);
        memcpy(&scale, &reply->scales.values[index], sizeof scale);
        decimal.exponent = scale.exponent;
        decimal.negative = !scale.negative;
        return decimal_write(decimal, out);
    }
    return 0;
}

/* Writes elements from reply->index on while there is room; returns the bytes written. */
static size_t write_elements(struct mse_reply *reply, const struct part *part, char *out, size_t room)
{
    const struct tensor *tensor = part->tensor;
    size_t row = tensor->shape[tensor->rank - 1];
    size_t column = reply->index % row;
    size_t index = reply->index;
    char *p = out;

    while (index < tensor->length && room - (size_t)(p - out) >= ELEMENT_MAX) {
        if (column == 0) {
            size_t rows = rows_begun(tensor, index);
            if (index > 0) {
                p = repeat(p, ']', rows);
                *p++ = ',';
            }
            p = repeat(p, '[', rows);
        } else {
            *p++ = ',';
        }
        p += write_number(reply, part, index, p);
        if (++column == row) column = 0;
        if (++index == tensor->length) p = repeat(p, ']', tensor->rank);
    }
    reply->index = index;
    return (size_t)(p - out);
}

static size_t write_text(void *source, char *out, size_t room)
{
    struct mse_reply *reply = source;
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
static void lay_out(struct mse_reply *reply, const struct mse_request *request, double loss)
{
    struct part *part = reply->parts;
    size_t length = (size_t)(stpcpy(reply->head, "{\"loss\":") - reply->head);
    const char *name = ",\"gradients\":{\"targets\":";
    bool has_gradient = request->wants_predictions || request->wants_targets;
    bool keeps = reply->scales.length > 0;

    if (request->reduction != MSE_REQUEST_NONE) length += decimal_print(loss, reply->head + length);
    reply->head[length] = '\0';
    *part++ = (struct part){reply->head, reply->losses.length > 0 ? &reply->losses : NULL, VALUE};
    if (request->wants_predictions) {
        *part++ = (struct part){",\"gradients\":{\"predictions\":", &reply->gradient, keeps ? VALUE_KEPT : VALUE};
        name = ",\"targets\":";
    }
    if (request->wants_targets) *part++ = (struct part){name, &reply->gradient, keeps ? NEGATED_KEPT : NEGATED_VALUE};
    *part++ = (struct part){has_gradient ? "}}" : "}", NULL, VALUE};

    reply->part_count = (size_t)(part - reply->parts);
    reply->part = 0;
    reply->text_written = false;
    reply->index = 0;
}

/* More bytes than the text can have. */
static size_t text_bound(const struct mse_reply *reply)
{
    size_t bound = HEAD_MAX;
    for (size_t i = 0; i < reply->part_count; i++) {
        const struct tensor *tensor = reply->parts[i].tensor;
        bound += HEAD_MAX;
        if (tensor != NULL) bound += tensor->length * (DECIMAL_PRINT_MAX + 2 * tensor->rank) + 2 * tensor->rank;
    }
    return bound;
}

static void release(void *source)
{
    struct mse_reply *reply = source;
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

bool mse_reply_answer(struct mse_job *job, struct answer *answer)
{
    struct mse_request *request = &job->request;
    struct mse_reply *reply = malloc(sizeof *reply);
    if (reply == NULL) return false;
    size_t elements = request->predictions.length;
    tensor_init(&reply->gradient, NULL);
    tensor_init(&reply->losses, NULL);
    tensor_init(&reply->scales, NULL);
    if (request->reduction == MSE_REQUEST_NONE) {
        move_tensor(&reply->losses, &request->targets);
    } else if (request->wants_predictions && request->wants_targets) {
        move_tensor(&reply->scales, &request->targets);
    }
    if (request->wants_predictions || request->wants_targets) move_tensor(&reply->gradient, &request->predictions);
    mse_request_free(request);
    lay_out(reply, request, job->loss);

    *answer = (struct answer){.status = 200, .media_type = "application/json", .elements = elements};
    size_t bound = text_bound(reply);
    if (bound > WHOLE_MAX) {
        answer->next = write_text;
        answer->release = release;
        answer->source = reply;
        return true;
    }
    answer->text = malloc(bound + ANSWER_ROOM_MIN);
    if (answer->text != NULL) answer->length = write_text(reply, answer->text, bound + ANSWER_ROOM_MIN);
    release(reply);
    return answer->text != NULL;
}
