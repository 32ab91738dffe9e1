/* The time loop of Mamba's selective recurrence, forward and backward, in single precision on one thread.
   `_selective.py` calls it. */

#include "kernels.h"

/* Mamba's states, h_t = f_t h_{t-1} + delta_t b_t u_t and y_t = sum over the states of c_t h_t, with f_t = exp(delta_t a),
   or 2 exp(delta_t a) - 1. Units lie side by side: what is of every state and unit is (states, units). Backward computes
   the states of a chunk once more from the state before it: reading all of them from memory would take longer. */
typedef struct {
    size_t steps, rows, units, states;
    size_t chunk;           /* steps */
    size_t with_sign;       /* 1: the second f */
    const float *u, *delta; /* (rows, steps, units) */
    const float *a;         /* (states, units), negative */
    const float *b, *c;     /* (rows, steps, states) */
    float *h;               /* (rows, states, units): at first the start, at last the end */
    float *kept;            /* (rows, chunks, states, units): the states before each chunk */
    float *y;               /* (rows, steps, units) */
    const float *upon;      /* gradients upon y; upon the end: in `upon_h`, where at last those upon the start are */
    float *upon_u, *upon_delta;
    float *upon_a;          /* zero at the start */
    float *upon_b, *upon_c, *upon_h;
    float *room;            /* (2 chunk + 1, states, units) */
} selective;

INLINE float decay(float x, const int with_sign) {
    float f = bounded_exponential(x);
    return with_sign ? 2.0f * f - 1.0f : f;
}

INLINE void copy(float *to, const float *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = from[i];
}

/* One step of one row for one state of all units: h and, where it is wanted, f. */
INLINE void select_step(const int with_sign, const int keep, size_t units, const float *u, const float *delta,
                        const float *a, float b, const float *before, float *h, float *f) {
#pragma omp simd
    for (size_t j = 0; j < units; j++) {
        float factor = decay(delta[j] * a[j], with_sign);
        h[j] = factor * before[j] + delta[j] * u[j] * b;
        if (keep) f[j] = factor;
    }
}

INLINE void selective_forward(const selective *s, const int with_sign) {
    const size_t units = s->units, all = s->states * units;
    float *kept = s->kept;
    for (size_t row = 0; row < s->rows; row++) {
        float *h = s->h + row * all;
        for (size_t t = 0; t < s->steps; t++) {
            const size_t at = row * s->steps + t;
            const float *u = s->u + at * units, *delta = s->delta + at * units;
            float *y = s->y + at * units;
            if (t % s->chunk == 0) copy(kept, h, all), kept += all;
            clear(y, units);
            for (size_t n = 0; n < s->states; n++) {
                float *own = h + n * units;
                const float c = s->c[at * s->states + n];
                select_step(with_sign, 0, units, u, delta, s->a + n * units, s->b[at * s->states + n], own, own, NULL);
#pragma omp simd
                for (size_t j = 0; j < units; j++) y[j] += c * own[j];
            }
        }
    }
}

/* Back through one step of one row; h and f are of that step, `before` the states before it. */
INLINE void selective_back(const selective *s, const int with_sign, size_t row, size_t t, const float *before,
                           const float *h, const float *f) {
    const size_t units = s->units, at = row * s->steps + t;
    const float *u = s->u + at * units, *delta = s->delta + at * units, *upon = s->upon + at * units;
    float *upon_u = s->upon_u + at * units, *upon_delta = s->upon_delta + at * units;
    clear(upon_u, units);
    clear(upon_delta, units);
    for (size_t n = 0; n < s->states; n++) {
        const size_t own = n * units;
        const float *a = s->a + own;
        const float b = s->b[at * s->states + n], c = s->c[at * s->states + n];
        float *carried = s->upon_h + row * s->states * units + own, *upon_a = s->upon_a + own;
        float sum_b = 0.0f, sum_c = 0.0f;
#pragma omp simd reduction(+ : sum_b, sum_c)
        for (size_t j = 0; j < units; j++) {
            float g = carried[j] + upon[j] * c, factor = f[own + j];
            float g_exponent = g * before[own + j] * (with_sign ? factor + 1.0f : factor);
            sum_c += upon[j] * h[own + j];
            sum_b += g * delta[j] * u[j];
            upon_u[j] += g * b;
            upon_delta[j] += g_exponent * a[j];
            upon_a[j] += g_exponent * delta[j];
            carried[j] = g * factor;
        }
        s->upon_b[at * s->states + n] = sum_b;
        s->upon_c[at * s->states + n] = sum_c;
    }
#pragma omp simd
    for (size_t j = 0; j < units; j++) { /* so far upon_u is upon delta u */
        upon_delta[j] += upon_u[j] * u[j];
        upon_u[j] *= delta[j];
    }
}

INLINE void selective_backward(const selective *s, const int with_sign) {
    const size_t units = s->units, all = s->states * units, chunks = (s->steps + s->chunk - 1) / s->chunk;
    float *h = s->room, *f = s->room + (s->chunk + 1) * all;
    for (size_t row = 0; row < s->rows; row++)
        for (size_t k = chunks; k-- > 0;) {
            const size_t first = k * s->chunk, left = s->steps - first, count = left < s->chunk ? left : s->chunk;
            copy(h, s->kept + (row * chunks + k) * all, all);
            for (size_t t = 0; t < count; t++) {
                const size_t at = row * s->steps + first + t;
                for (size_t n = 0; n < s->states; n++)
                    select_step(with_sign, 1, units, s->u + at * units, s->delta + at * units, s->a + n * units,
                                s->b[at * s->states + n], h + t * all + n * units, h + (t + 1) * all + n * units,
                                f + t * all + n * units);
            }
            for (size_t t = count; t-- > 0;)
                selective_back(s, with_sign, row, first + t, h + t * all, h + (t + 1) * all, f + t * all);
        }
}

EXPORT void selective_scan_forward(const selective *s) {
    if (s->with_sign) selective_forward(s, 1);
    else selective_forward(s, 0);
}
EXPORT void selective_scan_backward(const selective *s) {
    if (s->with_sign) selective_backward(s, 1);
    else selective_backward(s, 0);
}
