/* The time loops of a simple RNN, an LSTM, a GRU and a linear recurrence, forward and backward, in single precision on
   one thread. `_recurrence.py` and `_scan.py` call them.

   What a product with the parameters sees at a step lies in one row: the state before it, a one for the biases, the
   inputs, zeros up to a multiple of 16. The parameters are one matrix likewise, all gates one after another, and its
   gradient comes out of one product. */

#include "kernels.h"

/* Raised with every change of what is passed: a library of another version is not called. */
int kernels_version(void) { return 4; }

/* By which compiler, and for which of the processors that EXPORT names the loops run here. */
const char *kernels_compiler(void) { return __VERSION__; }

const char *kernels_processor(void) {
#if defined(__x86_64__) && __GNUC__ >= 12
    __builtin_cpu_init();
    return __builtin_cpu_supports("x86-64-v4") ? "x86-64-v4" : __builtin_cpu_supports("x86-64-v3") ? "x86-64-v3" : "x86-64";
#else
    return "default";
#endif
}

/* Arrays lie time first but for those that others see: `out` and `upon`. */
typedef struct {
    size_t steps, rows, size; /* size: units, a multiple of 16 */
    size_t depth, width;      /* numbers that a product sees, and the same with the zeros */
    size_t room;              /* steps that `gates` or `before` have room for: all, or some that are used again */
    size_t together;          /* steps whose gradients upon the parameters are added up together; room if not all */
    const float *w;           /* in panels of 16 columns as the processor reads them: (columns / 16, rows, 16) */
    float *seen;              /* (steps + 1, rows, width): loops forward write each state into the step after */
    float *cells;             /* (steps + 1, rows, size), of an LSTM */
    float *gates;             /* (room, rows, gates * size) */
    float *out;               /* all states once more, (rows, steps, size) */
    const float *upon;        /* gradients upon them */
    const float *upon_cells;  /* and upon all cells, (steps, rows, size); or NULL */
    float *before;            /* gradients upon the products with the parameters, as gates */
    float *carried;           /* gradients upon the state before a step (rows, size): at the end, upon the first */
    float *carried_cells;
    float *upon_w;            /* (gates * size, width), zero at the start */
} loop;

/* c = W seen_t, for `units` rows of W from `first` on, whose products see `depth` numbers from `from` on. */
INLINE void look(const loop *l, size_t t, size_t first, size_t units, size_t from, size_t depth, float *c,
                 size_t c_row) {
    const size_t panel = l->width * COLUMNS;
    matrix seen = by_rows(l->seen + t * l->rows * l->width + from, l->width);
    product(0, l->rows, depth, units, seen, l->w + first / COLUMNS * panel + from * COLUMNS, COLUMNS, panel, c, c_row);
}

/* Adds up the gradients upon W over the steps from t on, where a group of steps begins: `units` rows of W from `first`
   on, columns from `from` on. */
INLINE void gather(const loop *l, size_t t, size_t gates, size_t first, size_t units, size_t from) {
    if (t % l->together) return;
    const size_t steps = l->steps - t < l->together ? l->steps - t : l->together, row = gates * l->size;
    matrix before = {l->before + t % l->room * l->rows * row + first, 1, row};
    product(1, units, steps * l->rows, l->width - from, before, l->seen + t * l->rows * l->width + from, l->width,
            COLUMNS, l->upon_w + first * l->width + from, l->width);
}

INLINE float *out_of(const loop *l, size_t row, size_t t) { return l->out + (row * l->steps + t) * l->size; }

/* h_t = f(W (h, 1, x)); f is relu or tanh. */
INLINE void rnn_forward(const loop *l, const int relu) {
    for (size_t t = 0; t < l->steps; t++) {
        float *states = l->seen + (t + 1) * l->rows * l->width;
        look(l, t, 0, l->size, 0, l->depth, states, l->width);
        for (size_t row = 0; row < l->rows; row++) {
            float *h = states + row * l->width, *out = out_of(l, row, t);
#pragma omp simd
            for (size_t j = 0; j < l->size; j++) {
                h[j] = relu ? (h[j] <= 0.0f ? 0.0f : h[j]) : hyperbolic_tangent(h[j]);
                out[j] = h[j];
            }
        }
    }
}

INLINE void rnn_backward(const loop *l, const int relu) {
    const size_t size = l->size, step = l->rows * size;
    clear(l->carried, step);
    for (size_t t = l->steps; t-- > 0;) {
        float *before = l->before + t % l->room * step;
        for (size_t row = 0; row < l->rows; row++)
            add_to(l->carried + row * l->size, l->upon + (row * l->steps + t) * l->size, l->size);
        for (size_t row = 0; row < l->rows; row++) {
            const float *h = l->seen + ((t + 1) * l->rows + row) * l->width, *dh = l->carried + row * size;
            float *d = before + row * size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) d[j] = dh[j] * (relu ? (h[j] > 0.0f ? 1.0f : 0.0f) : 1.0f - h[j] * h[j]);
        }
        product(0, l->rows, size, size, by_rows(before, size), l->w, COLUMNS, size * COLUMNS, l->carried, size);
        gather(l, t, 1, 0, size, 0);
    }
}

EXPORT void tanh_forward(const loop *l) { rnn_forward(l, 0); }
EXPORT void tanh_backward(const loop *l) { rnn_backward(l, 0); }
EXPORT void relu_forward(const loop *l) { rnn_forward(l, 1); }
EXPORT void relu_backward(const loop *l) { rnn_backward(l, 1); }

/* i, f, o = sigmoid(W (h, 1, x)), g = tanh(W (h, 1, x)), in the order i, f, g, o; c_t = f c + i g; h_t = o tanh(c_t). */
EXPORT void lstm_forward(const loop *l) {
    const size_t size = l->size, step = l->rows * size;
    for (size_t t = 0; t < l->steps; t++) {
        float *gates = l->gates + t % l->room * 4 * step;
        look(l, t, 0, 4 * size, 0, l->depth, gates, 4 * size);
        for (size_t row = 0; row < l->rows; row++) {
            float *i = gates + row * 4 * size, *f = i + size, *g = f + size, *o = g + size;
            float *c = l->cells + t * step + row * size, *h = l->seen + ((t + 1) * l->rows + row) * l->width;
            float *out = out_of(l, row, t);
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                i[j] = sigmoid(i[j]), f[j] = sigmoid(f[j]), g[j] = hyperbolic_tangent(g[j]), o[j] = sigmoid(o[j]);
                c[step + j] = f[j] * c[j] + i[j] * g[j];
                out[j] = h[j] = o[j] * hyperbolic_tangent(c[step + j]);
            }
        }
    }
}

EXPORT void lstm_backward(const loop *l) {
    const size_t size = l->size, step = l->rows * size;
    clear(l->carried, step);
    clear(l->carried_cells, step);
    for (size_t t = l->steps; t-- > 0;) {
        float *before = l->before + t % l->room * 4 * step;
        for (size_t row = 0; row < l->rows; row++)
            add_to(l->carried + row * l->size, l->upon + (row * l->steps + t) * l->size, l->size);
        if (l->upon_cells) add_to(l->carried_cells, l->upon_cells + t * step, step);
        for (size_t row = 0; row < l->rows; row++) {
            const float *i = l->gates + (t * l->rows + row) * 4 * size, *f = i + size, *g = f + size, *o = g + size;
            const float *c = l->cells + t * step + row * size, *dh = l->carried + row * size;
            float *dc = l->carried_cells + row * size, *d = before + row * 4 * size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                float squashed = hyperbolic_tangent(c[step + j]);
                float cell = dc[j] + dh[j] * o[j] * (1.0f - squashed * squashed);
                d[j] = cell * g[j] * i[j] * (1.0f - i[j]);
                d[size + j] = cell * c[j] * f[j] * (1.0f - f[j]);
                d[2 * size + j] = cell * i[j] * (1.0f - g[j] * g[j]);
                d[3 * size + j] = dh[j] * squashed * o[j] * (1.0f - o[j]);
                dc[j] = cell * f[j];
            }
        }
        product(0, l->rows, 4 * size, size, by_rows(before, 4 * size), l->w, COLUMNS, 4 * size * COLUMNS, l->carried,
                size);
        gather(l, t, 4, 0, 4 * size, 0);
    }
}

/* m = W (h, 1); r, z = sigmoid(W (h, 1, x)); n = tanh(W (1, x) + r m), in this order; h_t = (1 - z) n + z h. */
EXPORT void gru_forward(const loop *l) {
    const size_t size = l->size, step = l->rows * size;
    for (size_t t = 0; t < l->steps; t++) {
        float *gates = l->gates + t % l->room * 4 * step;
        look(l, t, 0, size, 0, size + 1, gates, 4 * size);
        look(l, t, size, 2 * size, 0, l->depth, gates + size, 4 * size);
        look(l, t, 3 * size, size, size, l->depth - size, gates + 3 * size, 4 * size);
        for (size_t row = 0; row < l->rows; row++) {
            float *m = gates + row * 4 * size, *r = m + size, *z = r + size, *n = z + size;
            float *h = l->seen + (t * l->rows + row) * l->width, *after = h + l->rows * l->width;
            float *out = out_of(l, row, t);
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                r[j] = sigmoid(r[j]), z[j] = sigmoid(z[j]);
                n[j] = hyperbolic_tangent(n[j] + r[j] * m[j]);
                out[j] = after[j] = n[j] + z[j] * (h[j] - n[j]);
            }
        }
    }
}

EXPORT void gru_backward(const loop *l) {
    const size_t size = l->size, step = l->rows * size;
    clear(l->carried, step);
    for (size_t t = l->steps; t-- > 0;) {
        float *before = l->before + t % l->room * 4 * step;
        for (size_t row = 0; row < l->rows; row++)
            add_to(l->carried + row * l->size, l->upon + (row * l->steps + t) * l->size, l->size);
        for (size_t row = 0; row < l->rows; row++) {
            const float *m = l->gates + (t * l->rows + row) * 4 * size, *r = m + size, *z = r + size, *n = z + size;
            const float *h = l->seen + (t * l->rows + row) * l->width;
            float *dh = l->carried + row * size, *d = before + row * 4 * size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                float dn = dh[j] * (1.0f - z[j]) * (1.0f - n[j] * n[j]);
                d[j] = dn * r[j];
                d[size + j] = dn * m[j] * r[j] * (1.0f - r[j]);
                d[2 * size + j] = dh[j] * (h[j] - n[j]) * z[j] * (1.0f - z[j]);
                d[3 * size + j] = dn;
                dh[j] *= z[j];
            }
        }
        product(1, l->rows, 3 * size, size, by_rows(before, 4 * size), l->w, COLUMNS, 3 * size * COLUMNS, l->carried,
                size);
        gather(l, t, 4, 0, 3 * size, 0);
        gather(l, t, 4, 3 * size, size, size);
    }
}

/* h_t = a_t h_{t-1} + b_t, each number alone. Arrays are (rows, steps, size), complex numbers being two floats. */
typedef struct {
    size_t steps, rows, size; /* size: floats */
    size_t each;              /* 1: a as b; 0: a (size) is the same at each step */
    const float *a, *b;
    const float *start; /* (rows, size) */
    float *h;
    const float *upon;       /* gradients upon all h */
    float *upon_a, *upon_b;  /* where a is the same at each step `upon_a` is (rows, size) */
} scan;

INLINE void scan_forward(const scan *s, const int complex_numbers) {
    for (size_t row = 0; row < s->rows; row++) {
        const float *before = s->start + row * s->size;
        for (size_t t = 0; t < s->steps; t++) {
            const size_t at = (row * s->steps + t) * s->size;
            const float *a = s->a + (s->each ? at : 0), *b = s->b + at;
            float *h = s->h + at;
            if (complex_numbers) {
#pragma omp simd
                for (size_t j = 0; j < s->size; j += 2) {
                    h[j] = a[j] * before[j] - a[j + 1] * before[j + 1] + b[j];
                    h[j + 1] = a[j] * before[j + 1] + a[j + 1] * before[j] + b[j + 1];
                }
            } else {
#pragma omp simd
                for (size_t j = 0; j < s->size; j++) h[j] = a[j] * before[j] + b[j];
            }
            before = h;
        }
    }
}

/* What arrives at b_t is c = upon_t + conj(a_{t+1}) times what arrives at b_{t+1}; at a_t, c conj(h_{t-1}). */
INLINE void scan_back(const int complex_numbers, const int last, const int add, size_t size, const float *upon,
                      const float *a, const float *after, const float *before, float *c, float *d) {
    if (complex_numbers) {
#pragma omp simd
        for (size_t j = 0; j < size; j += 2) {
            float re = upon[j], im = upon[j + 1];
            if (!last) re += a[j] * after[j] + a[j + 1] * after[j + 1];
            if (!last) im += a[j] * after[j + 1] - a[j + 1] * after[j];
            c[j] = re, c[j + 1] = im;
            d[j] = (add ? d[j] : 0.0f) + re * before[j] + im * before[j + 1];
            d[j + 1] = (add ? d[j + 1] : 0.0f) + im * before[j] - re * before[j + 1];
        }
    } else {
#pragma omp simd
        for (size_t j = 0; j < size; j++) {
            c[j] = last ? upon[j] : upon[j] + a[j] * after[j];
            d[j] = (add ? d[j] : 0.0f) + c[j] * before[j];
        }
    }
}

INLINE void scan_backward(const scan *s, const int complex_numbers) {
    const size_t size = s->size;
    for (size_t row = 0; row < s->rows; row++)
        for (size_t t = s->steps; t-- > 0;) {
            const size_t at = (row * s->steps + t) * size;
            const float *before = t ? s->h + at - size : s->start + row * size, *upon = s->upon + at;
            float *c = s->upon_b + at, *d = s->upon_a + at;
            if (!s->each) d = s->upon_a + row * size;
            if (t + 1 == s->steps)
                scan_back(complex_numbers, 1, 0, size, upon, NULL, NULL, before, c, d);
            else if (s->each)
                scan_back(complex_numbers, 0, 0, size, upon, s->a + at + size, c + size, before, c, d);
            else
                scan_back(complex_numbers, 0, 1, size, upon, s->a, c + size, before, c, d);
        }
}

EXPORT void real_scan_forward(const scan *s) { scan_forward(s, 0); }
EXPORT void real_scan_backward(const scan *s) { scan_backward(s, 0); }
EXPORT void complex_scan_forward(const scan *s) { scan_forward(s, 1); }
EXPORT void complex_scan_backward(const scan *s) { scan_backward(s, 1); }
