// decimal.cpp - numbers read and written: decimal.h against fast_float, Dragonbox, the standard library and the C
// library. A line is "name nanoseconds-a-number ns", the least of many rounds, in which all take turns; the name
// without a peer's at its end is ours. We read and write a whole JSON array, and check its grammar (and "-each" number
// by itself); the others are given where each number begins. One argument: the count of rounds.
#include <dragonbox/dragonbox_to_chars.h>
#include <fast_float/fast_float.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

extern "C" {
#include "cpu.h"
#include "decimal/decimal.h"
}

namespace
{

constexpr size_t COUNT = 100000; // numbers in an array: more than the branch predictor learns by heart

struct Contender {
    std::string name;
    std::function<void()> run;
    double least = HUGE_VAL;
};

// The processor's time, so that what else runs on the machine counts less.
double seconds()
{
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void compare(const std::string &what, std::vector<Contender> contenders, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        for (auto &contender : contenders) {
            double start = seconds();
            contender.run();
            contender.least = std::min(contender.least, (seconds() - start) * 1e9 / COUNT);
        }
    }
    for (auto &contender : contenders) {
        std::printf("%s%s %.2f ns\n", what.c_str(), contender.name.c_str(), contender.least);
    }
}

volatile double sink; // what is read ends here, so that it must be read

void read(const char *what, const std::function<void(char *out, double random)> &format, int rounds)
{
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal;
    std::string array;
    std::vector<size_t> starts;
    std::vector<double> values(COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        char number[64];
        format(number, normal(random));
        starts.push_back(array.size());
        array.append(number).append(", ");
    }
    const char *text = array.data(), *limit = text + array.size();
    auto run = [&] {
        const char *end;
        if (decimal_parse_run(text, limit, &end, values.data(), COUNT, {0, 0}) != COUNT) std::abort();
        sink = values[COUNT - 1];
    };
    auto each = [&](auto parse) {
        return [=, &starts] {
            double sum = 0;
            for (size_t start : starts) sum += parse(text + start, limit);
            sink = sum;
        };
    };
    auto decimal = [](const char *number, const char *end) {
        double value = 0;
        decimal_parse(number, end, &end, &value);
        return value;
    };
    auto fast_float = [](const char *number, const char *end) {
        double value = 0;
        fast_float::from_chars(number, end, value);
        return value;
    };
    auto c_library = [](const char *number, const char *) { return std::strtod(number, nullptr); };
    compare(what,
            {{"", run}, {"-each", each(decimal)}, {"-fast_float", each(fast_float)}, {"-strtod", each(c_library)}},
            rounds);
}

void write(const char *what, const std::function<double(double random)> &scale, int rounds)
{
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal;
    std::vector<double> values(COUNT);
    for (auto &value : values) value = scale(normal(random));
    std::vector<char> room(COUNT * 40);
    std::vector<unsigned long long> digits(COUNT);
    std::vector<struct decimal_scale> scales(COUNT);
    auto with = [&](auto print) {
        return [&room, &values, print] {
            char *p = room.data();
            for (double value : values) {
                p = print(p, value);
                *p++ = ',';
            }
            sink = static_cast<double>(p - room.data());
        };
    };
    auto second_half = [&] {
        sink = static_cast<double>(decimal_write_run(digits.data(), scales.data(), COUNT, 1, room.data()));
    };
    auto run = [&] {
        decimal_shortest_run(values.data(), COUNT, digits.data(), scales.data());
        sink = static_cast<double>(decimal_write_run(digits.data(), scales.data(), COUNT, 0, room.data()));
    };
    compare(what,
            {{"", run},
             {"-second_time", second_half},
             {"-each", with([](char *p, double value) { return p + decimal_print(value, p); })},
             {"-Dragonbox", with([](char *p, double value) { return jkj::dragonbox::to_chars_n(value, p); })},
             {"-to_chars", with([](char *p, double value) { return std::to_chars(p, p + 40, value).ptr; })},
             {"-printf", with([](char *p, double value) { return p + std::snprintf(p, 40, "%.17g", value); })}},
            rounds);
}

} // namespace

int main(int argc, char **argv)
{
    cpu_use(std::getenv("MSE_KERNEL"));
    int rounds = argc > 1 ? std::atoi(argv[1]) : 25;
    auto as = [](const char *format) { return [format](char *out, double x) { std::sprintf(out, format, x); }; };
    read("read-17-digits", as("%.17g"), rounds);
    read(
        "read-shortest", [](char *out, double x) { *std::to_chars(out, out + 40, x).ptr = 0; }, rounds);
    read("read-6-digits", as("%.6f"), rounds);
    read("read-6-digits-exponent", as("%.6e"), rounds);
    read(
        "read-integers", [](char *out, double x) { std::sprintf(out, "%d", static_cast<int>(x * 1000)); }, rounds);
    write(
        "write-17-digits", [](double x) { return x; }, rounds);
    write(
        "write-gradients", [](double x) { return x * 2e-6; }, rounds);
    write(
        "write-6-digits", [](double x) { return std::round(x * 1e6) / 1e6; }, rounds);
    write(
        "write-integers", [](double x) { return std::round(x * 1000); }, rounds);
}
