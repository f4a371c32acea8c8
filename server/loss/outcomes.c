/* outcomes.c - what came of the lines of a batch, one record after the other in one piece of memory
 * that grows as a tensor does. Knows nothing of how lines are read. */
#include "loss/outcomes.h"

#include "base/tensor.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Elements of a line whose numbers are copied to its record. Tensors that are longer stay as they
 * are: a copy of them would be a peak of memory. */
#define COPIED_MAX 8192

_Static_assert(COPIED_MAX <= UINT16_MAX, "a record holds lengths in 16 bits");

enum kind { COPIED, KEPT, REFUSED };

/* In its memory there follow: of a copied result its shape in 16
 * bits for each dimension, then the gradient, then the losses; of a problem its pointer and its
 * detail. */
struct record {
    size_t lost;    /* lines between the record before and this one that found no memory */
    uint32_t words; /* that follow, of 8 bytes */
    uint8_t kind;
    union {
        struct {
            double loss;
            uint16_t elements;
            uint8_t rank;
            bool is_elementwise, wants_predictions, wants_targets;
        } copied;
        struct result *kept;
        struct {
            uint64_t offset;
            uint16_t detail_length;
            uint8_t pointer_length;
            uint8_t type;
            bool has_offset;
        } refused;
    };
};

#define WORDS(bytes) (((bytes) + 7) / 8)
#define RECORD_WORDS WORDS(sizeof(struct record))

_Static_assert(sizeof(struct record) == 8 * RECORD_WORDS, "what follows begins where it ends");
_Static_assert(sizeof(double) == 8, "a record's words are the elements of a tensor");
_Static_assert(2 * (sizeof(struct record) + sizeof(uint16_t[TENSOR_RANK_MAX])) <= 256,
               "what outcomes.h says of a result, twice while there are few");
_Static_assert(PROBLEM_TYPES <= UINT8_MAX && PROBLEM_POINTER_MAX <= UINT8_MAX + 1 &&
                   PROBLEM_DETAIL_MAX <= UINT16_MAX,
               "a record holds what a problem does");

struct outcomes {
    struct tensor records;
    size_t lost; /* lines after the last record that found no memory */
    size_t count;
    uint64_t elements;
    bool has_lost; /* any */

    const struct codec *codec;
    size_t next;          /* the word at which the next record begins that has had no response */
    bool has_line;        /* line is being written */
    struct response line; /* what the line alone would have got */
    size_t written;       /* of its text */
    double spare[COPIED_MAX];
};

struct outcomes *outcomes_create(struct tensor_budget *budget)
{
    struct outcomes *outcomes = malloc(sizeof *outcomes);
    if (outcomes == NULL) return NULL;
    tensor_init(&outcomes->records, budget);
    outcomes->lost = 0;
    outcomes->count = 0;
    outcomes->elements = 0;
    outcomes->has_lost = false;
    outcomes->next = 0;
    outcomes->has_line = false;
    return outcomes;
}

size_t outcomes_count(const struct outcomes *outcomes)
{
    return outcomes->count;
}

/* ---- adding */

static void lose(struct outcomes *outcomes)
{
    outcomes->lost++;
    outcomes->has_lost = true;
}

/* Appends a record, of which the caller fills what belongs to its kind, and as many bytes after it.
 * NULL: no memory. */
static struct record *append(struct outcomes *outcomes, enum kind kind, size_t bytes)
{
    struct tensor *records = &outcomes->records;
    size_t words = RECORD_WORDS + WORDS(bytes);
    while (records->capacity - records->length < words) {
        if (!tensor_grow(records)) return NULL;
    }
    struct record *record = (struct record *)(records->values + records->length);
    records->length += words;
    record->lost = outcomes->lost;
    record->words = (uint32_t)WORDS(bytes);
    record->kind = (uint8_t)kind;
    outcomes->lost = 0;
    return record;
}

static bool copy_result(struct outcomes *outcomes, const struct result *result)
{
    const struct tensor *shape = result->is_elementwise ? &result->losses : &result->gradient;
    size_t rank = shape->length > 0 ? shape->rank : 0; /* a loss alone has no shape */
    size_t shape_bytes = 8 * WORDS(rank * sizeof(uint16_t));
    size_t gradient_bytes = result->gradient.length * sizeof(double);
    size_t losses_bytes = result->losses.length * sizeof(double);
    struct record *record = append(outcomes, COPIED, shape_bytes + gradient_bytes + losses_bytes);
    if (record == NULL) return false;
    record->copied.loss = result->loss;
    record->copied.elements = (uint16_t)result->elements;
    record->copied.rank = (uint8_t)rank;
    record->copied.is_elementwise = result->is_elementwise;
    record->copied.wants_predictions = result->wants_predictions;
    record->copied.wants_targets = result->wants_targets;
    uint16_t *lengths = (uint16_t *)(record + 1);
    for (size_t i = 0; i < rank; i++) lengths[i] = (uint16_t)shape->shape[i];
    char *place = (char *)lengths + shape_bytes;
    if (gradient_bytes > 0) memcpy(place, result->gradient.values, gradient_bytes);
    if (losses_bytes > 0) memcpy(place + gradient_bytes, result->losses.values, losses_bytes);
    return true;
}

static bool keep_result(struct outcomes *outcomes, struct result *result)
{
    struct result *kept = malloc(sizeof *kept);
    struct record *record = kept != NULL ? append(outcomes, KEPT, 0) : NULL;
    if (record == NULL) {
        free(kept);
        return false;
    }
    *kept = *result;
    record->kept = kept;
    return true;
}

void outcomes_add_result(struct outcomes *outcomes, struct result *result)
{
    bool is_kept = result->elements > COPIED_MAX;
    bool ok = is_kept ? keep_result(outcomes, result) : copy_result(outcomes, result);
    outcomes->count++;
    if (ok) {
        outcomes->elements += result->elements;
    } else {
        lose(outcomes);
    }
    if (!ok || !is_kept) job_free_result(result);
}

void outcomes_add_problem(struct outcomes *outcomes, const struct problem *problem)
{
    size_t pointer_length = strlen(problem->pointer);
    size_t detail_length = strlen(problem->detail);
    struct record *record = NULL;
    outcomes->count++;
    if (problem->type != PROBLEM_MEMORY_EXHAUSTED) {
        record = append(outcomes, REFUSED, pointer_length + detail_length);
    }
    if (record == NULL) {
        lose(outcomes);
        return;
    }
    record->refused.type = (uint8_t)problem->type;
    record->refused.has_offset = problem->has_offset;
    record->refused.offset = problem->offset;
    record->refused.pointer_length = (uint8_t)pointer_length;
    record->refused.detail_length = (uint16_t)detail_length;
    char *place = (char *)(record + 1);
    memcpy(place, problem->pointer, pointer_length);
    memcpy(place + pointer_length, problem->detail, detail_length);
}

/* ---- the response */

static struct record *next_record(const struct outcomes *outcomes)
{
    return (struct record *)(outcomes->records.values + outcomes->next);
}

/* A tensor whose values lie in a record, or are spare; freeing it does nothing. */
static void view(struct tensor *tensor, const struct record *record, const uint16_t *shape,
                 double *values)
{
    tensor->values = values;
    tensor->length = record->copied.elements;
    tensor->rank = record->copied.rank;
    for (size_t i = 0; i < tensor->rank; i++) tensor->shape[i] = shape[i];
}

static void view_result(struct outcomes *outcomes, struct record *record, struct result *result)
{
    const uint16_t *shape = (const uint16_t *)(record + 1);
    double *values = (double *)(record + 1) + WORDS(record->copied.rank * sizeof *shape);
    result->elements = record->copied.elements;
    result->is_elementwise = record->copied.is_elementwise;
    result->loss = record->copied.loss;
    result->wants_predictions = record->copied.wants_predictions;
    result->wants_targets = record->copied.wants_targets;
    tensor_init(&result->losses, NULL);
    tensor_init(&result->gradient, NULL);
    tensor_init(&result->negated, NULL);
    tensor_init(&result->spare, NULL);
    if (result->wants_predictions || result->wants_targets) {
        view(&result->gradient, record, shape, values);
        values += result->elements;
    }
    if (result->is_elementwise) {
        view(&result->losses, record, shape, values);
    } else if (result->wants_predictions && result->wants_targets) {
        view(&result->spare, record, shape, outcomes->spare);
    }
}

static void respond_lost(struct outcomes *outcomes)
{
    struct problem problem;
    problem_set_out_of_memory(&problem);
    outcomes->codec->refuse(&problem, &outcomes->line);
}

static void respond_result(struct outcomes *outcomes, struct result *result)
{
    if (!outcomes->codec->respond(result, NULL, &outcomes->line)) respond_lost(outcomes);
}

static void respond_problem(struct outcomes *outcomes, const struct record *record)
{
    const char *place = (const char *)(record + 1);
    struct problem problem = {.type = (enum problem_type)record->refused.type,
                              .has_offset = record->refused.has_offset,
                              .offset = record->refused.offset};
    memcpy(problem.pointer, place, record->refused.pointer_length);
    memcpy(problem.detail, place + record->refused.pointer_length, record->refused.detail_length);
    outcomes->codec->refuse(&problem, &outcomes->line);
}

static void respond_record(struct outcomes *outcomes, struct record *record)
{
    struct result result;
    switch ((enum kind)record->kind) {
    case COPIED:
        view_result(outcomes, record, &result);
        respond_result(outcomes, &result);
        break;
    case KEPT:
        respond_result(outcomes, record->kept);
        free(record->kept);
        break;
    case REFUSED:
        respond_problem(outcomes, record);
        break;
    }
}

/* Makes the response to the next line; false: there is none. */
static bool begin_line(struct outcomes *outcomes)
{
    size_t *lost = &outcomes->lost;
    if (outcomes->next < outcomes->records.length) {
        struct record *record = next_record(outcomes);
        lost = &record->lost;
        if (*lost == 0) {
            outcomes->next += RECORD_WORDS + record->words;
            respond_record(outcomes, record);
        }
    } else if (*lost == 0) {
        return false;
    }
    if (*lost > 0) {
        --*lost;
        respond_lost(outcomes);
    }
    outcomes->has_line = true;
    outcomes->written = 0;
    return true;
}

/* Writes the next piece of the line, or its end. */
static size_t write_line(struct outcomes *outcomes, char *out, size_t room)
{
    struct response *line = &outcomes->line;
    size_t length;
    if (line->body == RESPONSE_PRODUCED) {
        length = line->produce(line->source, out, room);
    } else {
        size_t left = line->length - outcomes->written;
        length = left < room ? left : room;
        memcpy(out, line->text + outcomes->written, length);
        outcomes->written += length;
    }
    if (length > 0) return length;
    response_discard(line);
    outcomes->has_line = false;
    *out = '\n';
    return 1;
}

static size_t produce(void *source, char *out, size_t room)
{
    struct outcomes *outcomes = source;
    size_t written = 0;
    while (room - written >= RESPONSE_ROOM_MIN && (outcomes->has_line || begin_line(outcomes))) {
        written += write_line(outcomes, out + written, room - written);
    }
    return written;
}

static void release(void *source)
{
    outcomes_free(source);
}

void outcomes_respond(struct outcomes *outcomes, const struct codec *codec, const char *media_type,
                      struct response *response)
{
    tensor_trim(&outcomes->records);
    outcomes->codec = codec;
    response_begin(response, 200);
    response->elements = outcomes->elements;
    if (outcomes->has_lost) response->refusal = REFUSAL_MEMORY;
    response_set_produced(response, media_type, produce, release, outcomes);
}

void outcomes_free(struct outcomes *outcomes)
{
    if (outcomes == NULL) return;
    if (outcomes->has_line) response_discard(&outcomes->line);
    while (outcomes->next < outcomes->records.length) {
        struct record *record = next_record(outcomes);
        if (record->kind == KEPT) {
            job_free_result(record->kept);
            free(record->kept);
        }
        outcomes->next += RECORD_WORDS + record->words;
    }
    tensor_free(&outcomes->records);
    free(outcomes);
}
