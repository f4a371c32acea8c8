// decimal.cpp - ns a number, read and written: decimal.h against fast_float, Dragonbox, the standard library and the C
// library, in interleaved rounds of one run; the median of each. Reading: "decimal run" takes a whole JSON array and
// checks its grammar; the others are given where each number begins. One argument: the count of rounds.
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
#include "decimal.h"
}

namespace
{

constexpr size_t COUNT = 100000; // numbers in an array: more than the branch predictor learns by heart

struct Contender {
    const char *name;
    std::function<void()> run;
    std::vector<double> times;
};

// The processor's time, so that what else runs on the machine counts less.
double seconds()
{
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void compare(const char *title, std::vector<Contender> contenders, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        for (auto &contender : contenders) {
            double start = seconds();
            contender.run();
            contender.times.push_back((seconds() - start) * 1e9 / COUNT);
        }
    }
    double ours = 0;
    for (auto &contender : contenders) {
        std::sort(contender.times.begin(), contender.times.end());
        double median = contender.times[contender.times.size() / 2];
        if (ours == 0) ours = median;
        std::printf("%-28s %-14s %7.2f ns  %5.2f\n", title, contender.name, median, median / ours);
        title = "";
    }
}

volatile double sink; // what is read ends here, so that it must be read

void read(const char *title, const std::function<void(char *out, double random)> &format, int rounds)
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
        if (decimal_parse_run(text, limit, &end, values.data(), COUNT) != COUNT) std::abort();
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
    compare(title,
            {{"decimal run", run, {}},
             {"decimal", each(decimal), {}},
             {"fast_float", each(fast_float), {}},
             {"strtod", each(c_library), {}}},
            rounds);
}

void write(const char *title, const std::function<double(double random)> &scale, int rounds)
{
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal;
    std::vector<double> values(COUNT);
    for (auto &value : values) value = scale(normal(random));
    std::vector<char> room(COUNT * 40);
    std::vector<struct decimal> decimals(COUNT);
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
        char *p = room.data();
        for (auto decimal : decimals) {
            p += decimal_write(decimal, p);
            *p++ = ',';
        }
        sink = static_cast<double>(p - room.data());
    };
    for (size_t i = 0; i < COUNT; i++) decimals[i] = decimal_shortest(values[i]);
    compare(title,
            {{"decimal", with([](char *p, double value) { return p + decimal_print(value, p); }), {}},
             {"decimal_write", second_half, {}},
             {"Dragonbox", with([](char *p, double value) { return jkj::dragonbox::to_chars_n(value, p); }), {}},
             {"std::to_chars", with([](char *p, double value) { return std::to_chars(p, p + 40, value).ptr; }), {}},
             {"%.17g", with([](char *p, double value) { return p + std::snprintf(p, 40, "%.17g", value); }), {}}},
            rounds);
}

} // namespace

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? std::atoi(argv[1]) : 25;
    auto as = [](const char *format) { return [format](char *out, double x) { std::sprintf(out, format, x); }; };
    read("read 17 digits", as("%.17g"), rounds);
    read("read what Python prints", [](char *out, double x) { *std::to_chars(out, out + 40, x).ptr = 0; }, rounds);
    read("read 6 digits", as("%.6f"), rounds);
    read("read 6 digits and exponent", as("%.6e"), rounds);
    read("read small integers", [](char *out, double x) { std::sprintf(out, "%d", static_cast<int>(x * 100)); }, rounds);
    write("write 17 digits", [](double x) { return x; }, rounds);
    write("write gradients of 10^6", [](double x) { return x * 2e-6; }, rounds);
    write("write 6 digits", [](double x) { return std::round(x * 1e6) / 1e6; }, rounds);
    write("write small integers", [](double x) { return std::round(x * 100); }, rounds);
}
