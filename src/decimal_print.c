/* decimal_print.c - double -> shortest text that reads back as the same double. Knows nothing of arrays or documents.
 */
#include "decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decimal decimal_shortest(double value)
{
    struct decimal result = {0, 0, signbit(value) != 0};
    char text[32];
    if (value == 0) return result;
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, fabs(value));
        if (strtod(text, NULL) == fabs(value)) break;
    }
    char *e = strchr(text, 'e');
    result.exponent = atoi(e + 1);
    int fraction = 0;
    for (const char *p = text; p < e; p++) {
        if (*p == '.') {
            fraction = (int)(e - p) - 1;
            continue;
        }
        result.digits = result.digits * 10 + (unsigned long long)(*p - '0');
    }
    result.exponent -= fraction;
    while (result.digits % 10 == 0) {
        result.digits /= 10;
        result.exponent++;
    }
    return result;
}

size_t decimal_write(struct decimal decimal, char *out)
{
    char digits[24];
    char *p = out;
    if (decimal.digits == 0) {
        *out = '0';
        return 1;
    }
    int count = snprintf(digits, sizeof digits, "%llu", decimal.digits);
    int point = count + decimal.exponent;
    if (decimal.negative) *p++ = '-';
    if (point > 21 || point <= -6) {
        *p++ = digits[0];
        if (count > 1) *p++ = '.';
        memcpy(p, digits + 1, (size_t)count - 1);
        p += count - 1;
        char exponent[8];
        int length = snprintf(exponent, sizeof exponent, "e%+d", point - 1);
        memcpy(p, exponent, (size_t)length);
        return (size_t)(p + length - out);
    }
    if (point <= 0) {
        *p++ = '0';
        *p++ = '.';
        for (int i = point; i < 0; i++) *p++ = '0';
    }
    for (int i = 0; i < count; i++) {
        if (i == point && i > 0) *p++ = '.';
        *p++ = digits[i];
    }
    for (int i = count; i < point; i++) *p++ = '0';
    return (size_t)(p - out);
}

size_t decimal_print(double value, char *out)
{
    return decimal_write(decimal_shortest(value), out);
}
