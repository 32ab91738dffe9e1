/* What the time loops are made of: products of small matrices, exponentials, sigmoid and tanh, in single precision. */

#ifndef HARNESS_KERNELS_H
#define HARNESS_KERNELS_H

#include <math.h>
#include <stddef.h>

/* A loop is compiled for several kinds of processor, and the one at hand takes its own. Where a compiler cannot do that
   for x86 there are no loops: made for the oldest processors they would be slower than torch. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define EXPORT __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EXPORT __attribute__((target_clones("fma", "default")))
#endif
#elif defined(__x86_64__) || defined(_M_X64)
#error "These loops are made for GCC on Linux, or for another processor."
#else
#define EXPORT
#endif
#define INLINE static inline __attribute__((always_inline))
#pragma GCC diagnostic ignored "-Wpsabi"

typedef float v8 __attribute__((vector_size(32), aligned(4)));
typedef union { float f; unsigned i; } bits;

/* Four rows and sixteen columns are the eight sums that a core with fused multiply-add works on at once. */
enum { ROWS = 4, COLUMNS = 16 };

/* A matrix in memory: the element of row i and column j lies at i * row + j * column. */
typedef struct { const float *at; size_t row, column; } matrix;

/* Sums over the depth, for some rows and sixteen columns. */
INLINE void add_up(v8 sums[ROWS][2], const int rows, size_t depth, matrix a, const float *b, size_t b_row) {
    for (size_t p = 0; p < depth; p++) {
        v8 left = *(const v8 *)(b + p * b_row), right = *(const v8 *)(b + p * b_row + 8);
        for (int i = 0; i < rows; i++) {
            float x = a.at[i * a.row + p * a.column];
            sums[i][0] += x * left;
            sums[i][1] += x * right;
        }
    }
}

/* c = a b, or with `add` c += a b, for some rows and sixteen columns. */
INLINE void tile(const int rows, const int add, size_t depth, matrix a, const float *b, size_t b_row, float *c,
                 size_t c_row) {
    v8 sums[ROWS][2] = {{{0}}};
    add_up(sums, rows, depth, a, b, b_row);
    for (int i = 0; i < rows; i++) {
        v8 *to = (v8 *)(c + i * c_row);
        to[0] = add ? to[0] + sums[i][0] : sums[i][0];
        to[1] = add ? to[1] + sums[i][1] : sums[i][1];
    }
}

/* The same for all rows and columns; sixteen columns of b begin `panel` floats after the sixteen before. Each sum runs
   over the depth in order, whatever the number of rows: no row's result depends on the others. */
INLINE void product(const int add, size_t rows, size_t depth, size_t columns, matrix a, const float *b, size_t b_row,
                    size_t panel, float *c, size_t c_row) {
    for (size_t j = 0; j < columns; j += COLUMNS, b += panel) {
        size_t i = 0;
        matrix below = a;
        for (; i + ROWS <= rows; i += ROWS, below.at += ROWS * a.row)
            tile(ROWS, add, depth, below, b, b_row, c + i * c_row + j, c_row);
        for (; i < rows; i++, below.at += a.row) tile(1, add, depth, below, b, b_row, c + i * c_row + j, c_row);
    }
}

/* One of the products that are added up: of a with parameters w in panels, (columns / 16, depth, 16). */
typedef struct { size_t depth; matrix a; const float *w; } term;

INLINE void tile_of_terms(const int rows, const int count, const term *terms, size_t i, size_t j, const float *start,
                          float *c, size_t c_row) {
    v8 sums[ROWS][2] = {{{0}}};
    for (int k = 0; k < count; k++) {
        matrix a = terms[k].a;
        a.at += i * a.row;
        add_up(sums, rows, terms[k].depth, a, terms[k].w + j * terms[k].depth, COLUMNS);
    }
    for (int r = 0; r < rows; r++) {
        v8 *to = (v8 *)(c + (i + r) * c_row + j);
        to[0] = start ? sums[r][0] + *(const v8 *)(start + j) : sums[r][0];
        to[1] = start ? sums[r][1] + *(const v8 *)(start + j + 8) : sums[r][1];
    }
}

/* c = start + the sum of the terms; start is one row or NULL, and has room for a multiple of 16. */
INLINE void products(size_t rows, size_t columns, const int count, const term *terms, const float *start, float *c,
                     size_t c_row) {
    for (size_t j = 0; j < columns; j += COLUMNS) {
        size_t i = 0;
        for (; i + ROWS <= rows; i += ROWS) tile_of_terms(ROWS, count, terms, i, j, start, c, c_row);
        for (; i < rows; i++) tile_of_terms(1, count, terms, i, j, start, c, c_row);
    }
}

/* e^x = scale (1 + rest), with scale a power of 2 and rest near 0, for |x| up to 87. No branch: loops over what is made of
   it are vectorised. NaN stays NaN. */
typedef struct { float scale, rest; } parts;

INLINE parts exponential(float x) {
    const float rounder = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number, in the last bits */
    bits n = {x * 1.44269504f + rounder};
    float whole = n.f - rounder;
    float r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f; /* x - n ln 2, ln 2 in two parts */
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    bits scale = {.i = (n.i + 127) << 23}; /* 2^n: the rounder's own bits leave to the left */
    return (parts){scale.f, p * r * r + r};
}

/* e^x for x up to 87; from -87 down it is as small as at -87. */
INLINE float bounded_exponential(float x) {
    parts e = exponential(-87.0f > x ? -87.0f : x);
    return e.scale * e.rest + e.scale;
}

INLINE float sigmoid(float x) {
    x = -87.0f > x ? -87.0f : x;
    x = 87.0f < x ? 87.0f : x;
    parts e = exponential(-x);
    return 1.0f / (1.0f + (e.scale * e.rest + e.scale));
}

/* By e^2|x| - 1, which keeps its digits near 0. */
INLINE float hyperbolic_tangent(float x) {
    bits of = {x};
    const unsigned sign = of.i & 0x80000000u;
    of.i ^= sign;
    float twice = 20.0f < 2.0f * of.f ? 20.0f : 2.0f * of.f; /* from where on it is 1 */
    parts e = exponential(twice);
    float less_one = e.scale * e.rest + (e.scale - 1.0f);
    bits result = {less_one / (less_one + 2.0f)};
    result.i |= sign;
    return result.f;
}

/* e^x for all x: 0 where it is below single precision, and infinite above. */
INLINE float any_exponential(float x) {
    parts e = exponential(x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x));
    float half = 0.5f * e.scale, found = 2.0f * (half * e.rest + half);
    found = x > 88.7228394f ? INFINITY : found;
    return x < -87.3365479f ? 0.0f : found;
}

/* The natural logarithm: x = m 2^n with m around 1, and log m by a polynomial (Cephes). */
INLINE float logarithm(float x) {
    bits of = {x};
    int n = (int)(of.i >> 23) - 126;
    of.i = (of.i & 0x007fffffu) | 0x3f000000u;
    float m = of.f, low = m < 0.707106781f ? 1.0f : 0.0f, whole = (float)n - low;
    m = m - 1.0f + low * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    float q = m * m, found = p * m * q - 2.12194440e-4f * whole - 0.5f * q + m + 0.693359375f * whole;
    found = x == 0.0f ? -INFINITY : found;
    found = x == INFINITY ? INFINITY : found;
    return x >= 0.0f ? found : NAN;
}

/* log(1 + x), which keeps its digits near 0: the rounding of 1 + x is made good. */
INLINE float logarithm_of_one_and(float x) {
    float u = 1.0f + x, rounded = u - 1.0f;
    return rounded == 0.0f ? x : (u == INFINITY ? u : logarithm(u) * (x / rounded));
}

/* Of two numbers; NaN if one is. */
INLINE float larger(float a, float b) { return a > b || a != a ? a : b; }
INLINE float smaller(float a, float b) { return a < b || a != a ? a : b; }
INLINE float sign_of(float x) { return x > 0.0f ? 1.0f : (x < 0.0f ? -1.0f : x); }

INLINE matrix by_rows(const float *at, size_t row) { return (matrix){at, row, 1}; }

INLINE void clear(float *to, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = 0.0f;
}

INLINE void add_to(float *to, const float *more, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += more[i];
}

#endif
