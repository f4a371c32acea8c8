/* elements.c - elements of a binary type -> doubles. Knows nothing of formats.
 *
 * One loop per type, over elements that are whole; plain C that compilers vectorise. They return
 * whether a NaN or an infinity was among the elements. */
#include "loss/elements.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* An exponent field of ones is a NaN or an infinity: adding one to the field carries into the
 * sign's place, which is free once the sign is gone. */
#define EXPONENT     0x7FF0000000000000U
#define EXPONENT_ONE 0x0010000000000000U
#define CARRY        0x8000000000000000U

static uint64_t carry_of(uint64_t bits)
{
    return (bits & EXPONENT) + EXPONENT_ONE;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t load_16(const unsigned char *in)
{
    uint16_t bits;
    memcpy(&bits, in, sizeof bits);
    return le16toh(bits);
}

static uint32_t load_32(const unsigned char *in)
{
    uint32_t bits;
    memcpy(&bits, in, sizeof bits);
    return le32toh(bits);
}

static uint64_t load_64(const unsigned char *in)
{
    uint64_t bits;
    memcpy(&bits, in, sizeof bits);
    return le64toh(bits);
}

static bool widen_f64(double *restrict out, const unsigned char *restrict in, size_t n)
{
    uint64_t carries = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = load_64(in + 8 * i);
        carries |= carry_of(bits);
        out[i] = double_of(bits);
    }
    return (carries & CARRY) != 0;
}

static float single_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool widen_f32(double *restrict out, const unsigned char *restrict in, size_t n)
{
    uint64_t carries = 0;
    for (size_t i = 0; i < n; i++) {
        double value = single_of(load_32(in + 4 * i));
        carries |= carry_of(bits_of(value));
        out[i] = value;
    }
    return (carries & CARRY) != 0;
}

/* The 5 bits of exponent and 10 of mantissa, put where binary32 has its own, are a number 2^112
 * times too small, since the biases are 15 and 127: subnormal where the binary16 is. An exponent of
 * ones becomes one of ones. */
static double widen_half(uint32_t half)
{
    float magnitude = single_of((half & 0x7FFF) << 13) * 0x1p112F;
    uint32_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    uint32_t is_special = (half & 0x7C00) == 0x7C00;
    return single_of(bits | (half & 0x8000) << 16 | ((0 - is_special) & 0x7F800000));
}

static bool widen_f16(double *restrict out, const unsigned char *restrict in, size_t n)
{
    uint64_t carries = 0;
    for (size_t i = 0; i < n; i++) {
        double value = widen_half(load_16(in + 2 * i));
        carries |= carry_of(bits_of(value));
        out[i] = value;
    }
    return (carries & CARRY) != 0;
}

static bool widen_bf16(double *restrict out, const unsigned char *restrict in, size_t n)
{
    uint64_t carries = 0;
    for (size_t i = 0; i < n; i++) {
        double value = single_of((uint32_t)load_16(in + 2 * i) << 16);
        carries |= carry_of(bits_of(value));
        out[i] = value;
    }
    return (carries & CARRY) != 0;
}

/* A loop that converts integers; C rounds them to nearest as the processor is set to. */
#define WIDEN(name, size, load, type)                                                  \
    static bool name(double *restrict out, const unsigned char *restrict in, size_t n) \
    {                                                                                  \
        for (size_t i = 0; i < n; i++) out[i] = (double)(type)load(in + (size)*i);     \
        return false;                                                                  \
    }

#define LOAD_8(in) (*(in))

WIDEN(widen_i8, 1, LOAD_8, int8_t)
WIDEN(widen_i16, 2, load_16, int16_t)
WIDEN(widen_i32, 4, load_32, int32_t)
WIDEN(widen_i64, 8, load_64, int64_t)
WIDEN(widen_u8, 1, LOAD_8, uint8_t)
WIDEN(widen_u16, 2, load_16, uint16_t)
WIDEN(widen_u32, 4, load_32, uint32_t)
WIDEN(widen_u64, 8, load_64, uint64_t)

static const struct {
    size_t size;
    bool (*widen)(double *restrict out, const unsigned char *restrict in, size_t n);
} types[ELEMENT_TYPES] = {
    [ELEMENT_F64] = {8, widen_f64}, [ELEMENT_F32] = {4, widen_f32},
    [ELEMENT_F16] = {2, widen_f16}, [ELEMENT_BF16] = {2, widen_bf16},
    [ELEMENT_I8] = {1, widen_i8},   [ELEMENT_I16] = {2, widen_i16},
    [ELEMENT_I32] = {4, widen_i32}, [ELEMENT_I64] = {8, widen_i64},
    [ELEMENT_U8] = {1, widen_u8},   [ELEMENT_U16] = {2, widen_u16},
    [ELEMENT_U32] = {4, widen_u32}, [ELEMENT_U64] = {8, widen_u64},
};

size_t elements_size_of(enum element_type type)
{
    return types[type].size;
}

void elements_init(struct elements *elements, enum element_type type, struct tensor *tensor)
{
    *elements = (struct elements){.type = type, .tensor = tensor};
}

/* Appends n elements that are whole. */
static bool append(struct elements *elements, const unsigned char *in, size_t n)
{
    struct tensor *tensor = elements->tensor;
    size_t size = types[elements->type].size;
    while (n > 0) {
        if (tensor->length == tensor->capacity && !tensor_grow(tensor)) return false;
        size_t room = tensor->capacity - tensor->length;
        size_t count = n < room ? n : room;
        if (types[elements->type].widen(tensor->values + tensor->length, in, count))
            elements->has_non_finite = true;
        tensor->length += count;
        in += count * size;
        n -= count;
    }
    return true;
}

bool elements_add(struct elements *elements, const void *bytes, size_t length)
{
    const unsigned char *in = bytes;
    size_t size = types[elements->type].size;
    if (elements->cut_length > 0) {
        size_t rest = size - elements->cut_length;
        size_t taken = rest < length ? rest : length;
        memcpy(elements->cut + elements->cut_length, in, taken);
        elements->cut_length += taken;
        in += taken;
        length -= taken;
        if (elements->cut_length < size) return true;
        elements->cut_length = 0;
        if (!append(elements, elements->cut, 1)) return false;
    }
    size_t whole = length / size;
    if (!append(elements, in, whole)) return false;
    elements->cut_length = length - whole * size;
    if (elements->cut_length > 0) memcpy(elements->cut, in + whole * size, elements->cut_length);
    return true;
}
